/** What a causal signal is: how it is measured from a record, and the words for it. Pure, as all of judging. */
import type { ArmRecord, Mechanism, Termination } from "../../types.ts";
import type { PhaseWindows } from "../windows.ts";

/** All that a mechanism is judged from. */
export interface SignalInput {
  readonly record: ArmRecord;
  readonly windows: PhaseWindows;
  /** Of the mechanism's probe; empty for probes that follow none. */
  readonly terminations: readonly Termination[];
  /** The arm plans at least one fault. */
  readonly disturbed: boolean;
}

export interface Measured {
  /** What could be measured; the value is none where this is 0. */
  readonly samples: number;
  readonly value: number;
  /** A clause with the numbers. */
  readonly words: string;
  /** A clause that belongs to every verdict: what was left out, and why. */
  readonly leftOut?: string;
}

export interface SignalKind {
  readonly unit: string;
  /** One sample, as a noun: "termination". */
  readonly sample: string;
  /** "20 requests", "4.5 s" */
  readonly amount: (value: number) => string;
  readonly measure: (input: SignalInput, over: Mechanism["over"]) => Measured;
  /** A sentence where the record has holes: then nothing that was not seen is known. */
  readonly doubt?: (input: SignalInput, over: Mechanism["over"]) => string | null;
  /** A sentence where an arm without faults has nothing to measure and needs nothing. */
  readonly idle?: (input: SignalInput) => string | null;
}
