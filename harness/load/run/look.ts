/** A surrounding for a script's init code alone: it may declare metrics and options, and nothing runs. */
import { HttpClient } from "../http/client.ts";
import type { Metrics } from "../k6/metrics.ts";
import { readOptions } from "../k6/options.ts";
import type { Runtime } from "../k6/runtime.ts";

export function lookOnly(metrics: Metrics): Runtime {
  const { options } = readOptions({}, { file: "", lines: {}, exportedFunctions: [], metrics });
  return {
    options,
    rawOptions: {},
    client: new HttpClient({ podHeader: "x-pod", insecureSkipTlsVerify: false }),
    metrics,
    wantsTimings: false,
    recordRequest: () => undefined,
    scenario: () => ({ name: "", executor: "", startTime: 0, progress: 0, iterationInTest: 0 }),
    instance: () => ({}),
    abort: () => undefined,
  };
}
