/** Work that comes in at a steady rate, measured in CPU time; what cannot be done yet waits. */
import { createHash } from "node:crypto";

export interface Clocks {
  readonly nowMs: () => number;
  /** CPU time of this process. */
  readonly cpuMs: () => number;
}
const CLOCKS: Clocks = {
  nowMs: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
};

export interface Backlog {
  /** CPU time of the work that has come in and is not done. */
  owedMs(): number;
  /** Works for so much CPU time, or until nothing is owed. */
  work(sliceMs: number): void;
}

/** @param cpus CPU time that comes in each second: 0.15 is 150 ms. */
export function createBacklog(cpus: number, { nowMs, cpuMs }: Clocks = CLOCKS): Backlog {
  const begin = nowMs();
  let doneMs = 0;
  const owedMs = () => Math.max(0, (nowMs() - begin) * cpus - doneMs);
  return {
    owedMs,
    work: (sliceMs) => {
      const from = cpuMs();
      const until = from + Math.min(sliceMs, owedMs());
      let now = from;
      while (now < until) {
        crunch();
        now = cpuMs();
      }
      doneMs += now - from;
    },
  };
}

/** A few tenths of a millisecond. */
function crunch(): void {
  let digest = "work";
  for (let round = 0; round < 100; round += 1) digest = createHash("sha256").update(digest).digest("hex");
}
