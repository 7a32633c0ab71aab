/** Signals of the race between the kubelet and the ingress controller, from terminated pods. */
import type { Termination, TerminationSignal } from "../../types.ts";
import { outcomeOf } from "../requests.ts";
import { median } from "../statistics.ts";
import { closedMsOf, hitByGap } from "../terminations.ts";
import { within } from "../windows.ts";
import { count, counted, milliseconds } from "../words.ts";
import type { Measured, SignalInput, SignalKind } from "./signal.ts";

/** The controller's log must hold at least this share of the requests that were answered well, or it has holes. */
const UPSTREAM_COVERAGE_AT_LEAST = 0.95;

const requests = { unit: "requests", amount: (value: number) => counted(value, "request") };
const times = { unit: "ms", amount: milliseconds };

export const terminationSignals: Readonly<Record<TerminationSignal, SignalKind>> = {
  "requests-after-listener-closed": ofTerminations(requests, (all) =>
    requestsAfterClose(all.filter((t) => t.ip !== "" && closedMsOf(t) !== null)),
  ),
  "endpoint-lag": ofTerminations(times, endpointLag),
  "expected-requests-per-window": ofTerminations(requests, expectedRequests),
};

/** Those that a gap of a watch touches are left out: their times are not to be trusted. */
function ofTerminations(
  words: Pick<SignalKind, "unit" | "amount">,
  measure: (terminations: readonly Termination[]) => Measured,
): SignalKind {
  return {
    ...words,
    sample: "termination",
    measure: ({ terminations, record }, over) => {
      const measurable = terminations.filter((t) => !hitByGap(t, over, record.observations));
      const hit = terminations.length - measurable.length;
      const measured = measure(measurable);
      if (hit === 0) return measured;
      return { ...measured, leftOut: `${counted(hit, "termination")} left out because a watch had a gap` };
    },
    doubt: coverageDoubt,
    idle: ({ disturbed, terminations }) =>
      !disturbed && terminations.length === 0 ? "No terminations planned, and none seen." : null,
  };
}

function requestsAfterClose(closed: readonly Termination[]): Measured {
  const value = closed.reduce((sum, t) => sum + t.requestsAfterClose, 0);
  const pods = closed.filter((t) => t.requestsAfterClose > 0).length;
  const all = counted(closed.length, "terminated pod");
  const words =
    value === 0
      ? `No request reached any of ${all} after its listener had closed`
      : `${counted(value, "request")} reached ${count(pods)} of ${all} after the listener had closed`;
  return { samples: closed.length, value, words };
}

function endpointLag(terminations: readonly Termination[]): Measured {
  const lags = terminations.flatMap((t) =>
    t.lastRequestMs === null || t.notReadyMs === null ? [] : [t.lastRequestMs - t.notReadyMs],
  );
  const value = median(lags);
  const words = `The ingress sent its last request ${milliseconds(value)} after the endpoint was not ready (median of ${counted(lags.length, "termination")})`;
  return { samples: lags.length, value, words };
}

function expectedRequests(terminations: readonly Termination[]): Measured {
  const value = Math.min(...terminations.map((t) => t.expectedInWindow));
  const words = `The load sent ${counted(value, "request")} to one pod in the shortest window of ${counted(terminations.length, "termination")}`;
  return { samples: terminations.length, value, words };
}

/** Whether the controller's log can be trusted to show what it sent. */
function coverageDoubt({ record, windows }: SignalInput): string | null {
  if (record.upstream === null) return "The ingress controller's access log is missing.";
  if (record.requests === null) return "No request was recorded.";
  const window = windows.run;
  if (window === null) return "The arm never began.";
  let good = 0;
  for (let row = 0; row < record.requests.length; row++) {
    if (within(window, record.requests.intendedMs[row] ?? 0) && outcomeOf(record.requests, row) === "good") good++;
  }
  let logged = 0;
  for (let row = 0; row < record.upstream.length; row++) {
    const status = record.upstream.status[row] ?? 0;
    if (!within(window, record.upstream.startMs[row] ?? 0)) continue;
    if (status >= 1 && status < 500) logged++;
  }
  if (logged >= good * UPSTREAM_COVERAGE_AT_LEAST) return null;
  return `The ingress controller's access log has holes: it shows ${count(logged)} of ${count(good)} good requests.`;
}
