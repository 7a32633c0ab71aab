/**
 * The simplest load there is: one GET of TARGET_URL at a constant RATE for a DURATION. What the benchmark of the load
 * runner runs, and a script to begin with.
 */
import http from "k6/http";
import type { Options } from "k6/options";

export const options: Options = {
  discardResponseBodies: true,
  scenarios: {
    steady: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE ?? "300"),
      duration: __ENV.DURATION ?? "10s",
      preAllocatedVUs: 10,
      maxVUs: 2000,
    },
  },
};

export default function (): void {
  http.get(__ENV.TARGET_URL ?? "", { timeout: "5s", tags: { name: "steady" } });
}
