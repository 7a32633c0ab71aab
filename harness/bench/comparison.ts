/** Two ways of doing one thing, taken in turns on the same machine, so that whatever else runs there hits both alike. */
import { median } from "../verdict/statistics.ts";

export interface Comparison {
  readonly what: string;
  readonly unit: "s";
  /** Median of ours and of the reference. */
  readonly ours: number;
  readonly reference: number;
  /** Median of the rounds' own ratios: each compares two neighbours in time. */
  readonly ratio: number;
  /** The ratio may be this at most. */
  readonly limit: number;
  readonly holds: boolean;
  /** What exactly was compared, one sentence. */
  readonly note: string;
  readonly rounds: readonly { readonly ours: number; readonly reference: number }[];
}

export interface Contest {
  readonly what: string;
  readonly note: string;
  readonly limit: number;
  readonly rounds: number;
  /** Each does its work once, clean-up excluded, and returns the seconds that it took. */
  readonly ours: (round: number) => Promise<number>;
  readonly reference: (round: number) => Promise<number>;
  readonly onProgress: (line: string) => void;
}

/** Runs the rounds, the order swapped in every other one. */
export async function compare(contest: Contest): Promise<Comparison> {
  const rounds: { ours: number; reference: number }[] = [];
  for (let round = 0; round < contest.rounds; round++) {
    const times = { ours: 0, reference: 0 };
    const order = round % 2 === 0 ? (["reference", "ours"] as const) : (["ours", "reference"] as const);
    for (const side of order) times[side] = await contest[side](round);
    rounds.push(times);
    contest.onProgress(
      `${contest.what}: round ${round + 1}: ours ${times.ours.toFixed(2)} s, reference ${times.reference.toFixed(2)} s`,
    );
  }
  const ratio = median(rounds.map((times) => times.ours / times.reference));
  return {
    what: contest.what,
    unit: "s",
    ours: median(rounds.map((times) => times.ours)),
    reference: median(rounds.map((times) => times.reference)),
    ratio,
    limit: contest.limit,
    holds: ratio <= contest.limit,
    note: contest.note,
    rounds,
  };
}

/** Seconds that `work` takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
