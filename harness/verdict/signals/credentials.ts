/** Signals of how services come by their credentials, from what the metadata mocks counted. */
import type { CredentialSignal } from "../../types.ts";
import { type CallSpan, callsIn, seen, sweepCells } from "../imds.ts";
import { median } from "../statistics.ts";
import { count, counted, metricValue, milliseconds } from "../words.ts";
import type { Measured, SignalInput, SignalKind } from "./signal.ts";

const UNMEASURED: Measured = { samples: 0, value: 0, words: "Nothing was counted" };

export const credentialSignals: Readonly<Record<CredentialSignal, SignalKind>> = {
  "metadata-calls-per-request": {
    unit: "calls per request",
    sample: "request",
    amount: (value) => `${metricValue(value)} calls per request`,
    measure: (input, over) => {
      const span = spanOf(input, over);
      if (span === null || span.requests === 0) return UNMEASURED;
      const value = span.calls / span.requests;
      const words = `${metricValue(value)} metadata calls per request: ${count(span.calls)} for ${counted(span.requests, "request")}${byPath(span)}`;
      return { samples: span.requests, value, words };
    },
    doubt: (input, over) =>
      spanOf(input, over)?.restarted === true ? "A metadata mock began to count anew, so calls are missing." : null,
  },
  "metadata-call-time": {
    unit: "ms",
    sample: "call",
    amount: milliseconds,
    measure: ({ record }, over) => {
      const times = seen(record, over, "imds-asked").flatMap(({ callsMs }) => callsMs);
      const value = median(times);
      const words = `A metadata call took ${milliseconds(value)} (median of ${counted(times.length, "call")} of canary pods)`;
      return times.length === 0 ? UNMEASURED : { samples: times.length, value, words };
    },
  },
  "storming-clients": {
    unit: "clients",
    sample: "cell",
    amount: (value) => counted(value, "client"),
    measure: ({ record }, over) => {
      const cells = sweepCells(record, over);
      const clients = new Set(cells.map(({ client }) => client));
      const storming = [...new Set(cells.filter(({ storms }) => storms).map(({ client }) => client))];
      const who = storming.length === 0 ? "None" : `${count(storming.length)} (${storming.join(", ")})`;
      const words = `${who} of ${counted(clients.size, "client")} asked the metadata service at each request in some cell of the sweep`;
      return { samples: cells.length, value: storming.length, words };
    },
  },
};

const spanOf = ({ record, windows }: SignalInput, over: string): CallSpan | null =>
  windows.fault === null ? null : callsIn(record, over, windows.fault);

const PATHS: Readonly<Record<string, string>> = {
  role: "for the role's name",
  credentials: "for its credentials",
  token: "for tokens",
};

function byPath({ byCall, calls }: CallSpan): string {
  if (calls === 0) return "";
  const parts = Object.entries(byCall).filter(([, times]) => times > 0);
  return ` (${parts.map(([kind, times]) => `${count(times)} ${PATHS[kind] ?? `for ${kind}`}`).join(", ")})`;
}
