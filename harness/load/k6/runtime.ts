/** What the API of a virtual user needs of the run around it. */

import type { HttpClient } from "../http/client.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Metrics } from "./metrics.ts";
import type { RunOptions } from "./options.ts";
import type { Vu } from "./vu.ts";

export interface ScenarioState {
  readonly name: string;
  readonly executor: string;
  /** Milliseconds of the wall clock. */
  readonly startTime: number;
  /** 0 to 1. */
  readonly progress: number;
  readonly iterationInTest: number;
}

export interface Runtime {
  readonly options: RunOptions;
  /** As the script exported them. */
  readonly rawOptions: unknown;
  readonly client: HttpClient;
  readonly metrics: Metrics;
  /** Some threshold is about the parts of a request. */
  readonly wantsTimings: boolean;
  recordRequest(vu: Vu, name: string, exchange: Exchange, intendedMs: number): void;
  scenario(vu: Vu): ScenarioState;
  instance(): Readonly<Record<string, number>>;
  /** Ends the load; the script asked for it. */
  abort(reason: string): void;
}
