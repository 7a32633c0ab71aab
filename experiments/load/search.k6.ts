/**
 * People who search, at a constant rate, whatever the answers do (open model). A request waits until the service has
 * signed one of its own and got its answer.
 *
 * Settings: TARGET_URL, TARGET_HOST (Host header), RATE (requests per second, 8), DURATION (10m).
 */
import { check } from "k6";
import http from "k6/http";
import type { Options } from "k6/options";

const rate = Number(__ENV.RATE ?? "8");
const timeoutSeconds = 5;

export const options: Options = {
  scenarios: {
    search: {
      executor: "constant-arrival-rate",
      rate,
      duration: __ENV.DURATION ?? "10m",
      preAllocatedVUs: 20,
      // Enough for every request of a whole time-out to hang, and some more: none is dropped.
      maxVUs: Math.ceil(rate * (timeoutSeconds + 1)) + 20,
      gracefulStop: `${timeoutSeconds + 1}s`,
    },
  },
  // A service that answers well though what it asked has refused it is open where it should be closed.
  thresholds: { checks: ["rate==1"] },
};

export default function (): void {
  const answer = http.get(`${__ENV.TARGET_URL}/sign`, {
    headers: { Host: __ENV.TARGET_HOST ?? "" },
    tags: { name: "search" },
    timeout: `${timeoutSeconds}s`,
  });
  check(answer, {
    "good only when the upstream took its credentials": ({ status, body }) =>
      status !== 200 || String(body).includes('"upstream":200'),
  });
}
