/** `faultline faults`: the catalogue, and what each needs. */
import { faults } from "../faults/index.ts";

export async function faultsCommand(options: { readonly json: boolean }): Promise<number> {
  const rows = Object.values(faults).map((fault) => ({
    kind: fault.kind,
    label: fault.drawAs.label,
    oneShot: fault.oneShot,
    needs: fault.needs,
  }));
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else {
    for (const row of rows) {
      const needs = row.needs.length === 0 ? "nothing beyond the API" : row.needs.join(", ");
      process.stdout.write(`${row.kind.padEnd(24)} ${row.label}${row.oneShot ? ", one-shot" : ""}; needs ${needs}\n`);
    }
  }
  return 0;
}
