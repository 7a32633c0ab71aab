/** `npm run bench [-- load|cluster|faults|weight|images|runs …]`: measurements beside a named reference, in one run, as ratios. */
import { join } from "node:path";
import { FaultlineError, messageOf } from "../errors.ts";
import { benchCluster } from "./cluster.ts";
import type { Comparison } from "./comparison.ts";
import { benchFaults, faultTable, keptLimits } from "./faults.ts";
import { benchImages } from "./images.ts";
import { benchLoad, loadBenchTable } from "./load.ts";
import { benchRuns } from "./runs.ts";
import { benchWeight, keptWeight, weightTable } from "./weight.ts";

const log = (line: string) => {
  process.stderr.write(`${line}\n`);
};
const REPORTS = join(import.meta.dirname, "..", "..", "reports");
const ROUNDS = 3;
const FAULT_ROUNDS = 10;

/** Each prints its table and returns whether every limit was kept. */
const BENCHES: Readonly<Record<string, () => Promise<boolean>>> = {
  load: async () => {
    const rows = await benchLoad({ log });
    process.stdout.write(`\n${loadBenchTable(rows)}\n`);
    return rows.every((row) => row.missed.length === 0);
  },
  cluster: async () => printed(await benchCluster({ rounds: ROUNDS, onProgress: log })),
  faults: async () => {
    const rows = await benchFaults({ rounds: FAULT_ROUNDS, onProgress: log });
    process.stdout.write(`\n${faultTable(rows)}\n`);
    return rows.every(keptLimits);
  },
  weight: async () => {
    const weight = await benchWeight(log);
    process.stdout.write(`\n${weightTable(weight)}\n`);
    return keptWeight(weight);
  },
  images: async () => printed(await benchImages({ rounds: ROUNDS, onProgress: log })),
  // Measures nothing anew: what the runs so far have shown. So it runs only when it is asked for.
  runs: async () => benchRuns(REPORTS, (text) => process.stdout.write(text)),
};

function printed(rows: readonly Comparison[]): boolean {
  process.stdout.write(
    "\n| what | ours s | reference s | ratio | limit | kept |\n| --- | ---: | ---: | ---: | ---: | --- |\n",
  );
  for (const row of rows) {
    const numbers = [row.ours, row.reference, row.ratio, row.limit].map((value) => value.toFixed(2)).join(" | ");
    process.stdout.write(`| ${row.what} (${row.note}) | ${numbers} | ${row.holds ? "yes" : "no"} |\n`);
  }
  return rows.every((row) => row.holds);
}

const asked = process.argv.slice(2);
try {
  const unknown = asked.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    throw new FaultlineError("usage", `unknown bench ${unknown.join(", ")}; known: ${Object.keys(BENCHES).join(", ")}`);
  }
  let kept = true;
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (asked.length === 0 ? name !== "runs" : asked.includes(name)) kept = (await bench()) && kept;
  }
  process.exitCode = kept ? 0 : 1;
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = error instanceof FaultlineError && error.code === "usage" ? 254 : 255;
}
