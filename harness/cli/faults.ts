/** `faultline faults`: the catalogue, what each needs, and whether a cluster has it. */
import { missingCapabilities } from "../cluster/capabilities.ts";
import { kindProvider } from "../cluster/kind.ts";
import { FaultlineError } from "../errors.ts";
import type { Capability, Fault } from "../faults/fault.ts";
import { faults } from "../faults/index.ts";

interface FaultsOptions {
  readonly json: boolean;
  readonly cluster?: string;
}
type Missing = ReadonlyMap<Capability, string>;

export async function faultsCommand({ json, cluster }: FaultsOptions): Promise<number> {
  const catalogue = Object.values(faults) as readonly Fault[];
  const missing = cluster === undefined ? null : await missingIn(cluster, catalogue);
  const rows = catalogue.map((fault) => rowOf(fault, missing));
  process.stdout.write(json ? `${JSON.stringify(rows)}\n` : describe(rows, missing));
  return 0;
}

/** @throws FaultlineError `cluster` when there is none of that name. */
async function missingIn(name: string, catalogue: readonly Fault[]): Promise<Missing> {
  const handle = await kindProvider.reach(name);
  if (handle === null) {
    throw new FaultlineError("cluster", `there is no cluster ${name}`, { fix: "faultline cluster list" });
  }
  try {
    const needs = new Set(catalogue.flatMap((fault) => fault.needs));
    return await missingCapabilities(handle, [...needs]);
  } finally {
    handle.kube.close();
  }
}

function rowOf({ kind, drawAs, oneShot, needs, model }: Fault, missing: Missing | null) {
  const lacks = missing === null ? [] : needs.filter((need) => missing.has(need));
  return {
    kind,
    label: drawAs.label,
    oneShot,
    needs,
    ...(model === undefined ? {} : { model }),
    ...(missing === null ? {} : { works: lacks.length === 0, lacks }),
  };
}

/** A line a fault; what a cluster lacks is told once, below. */
function describe(rows: readonly ReturnType<typeof rowOf>[], missing: Missing | null): string {
  const lines = rows.map(({ kind, label, oneShot, needs, works, lacks = [] }) => {
    const words = needs.length === 0 ? "nothing beyond the API" : needs.join(", ");
    const here = works === undefined ? "" : works ? "works here  " : "not here    ";
    const why = lacks.length === 0 ? "" : `; missing: ${lacks.join(", ")}`;
    return `${here}${kind.padEnd(24)} ${label}${oneShot ? ", one-shot" : ""}; needs ${words}${why}`;
  });
  const reasons = [...(missing ?? [])].map(([need, reason]) => `${need}: ${reason}`);
  return `${[...lines, ...(reasons.length === 0 ? [] : ["", ...reasons])].join("\n")}\n`;
}
