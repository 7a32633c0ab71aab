/**
 * Two services behind one ingress, each asked at a rate of its own, whatever the answers do (open model). Requests carry
 * the service as their name, so that an SLO can be of one of them.
 *
 * Settings: TARGET_URL; FIRST and SECOND (names), FIRST_HOST and SECOND_HOST (Host headers); FIRST_PATH and SECOND_PATH
 * (/); FIRST_RATE and SECOND_RATE (requests per second, 20 and 50); DURATION (10m).
 */
import http from "k6/http";
import type { Options } from "k6/options";

const duration = __ENV.DURATION ?? "10m";
const timeoutSeconds = 2;

function scenario(exec: string, rate: number) {
  return {
    executor: "constant-arrival-rate" as const,
    exec,
    rate,
    duration,
    preAllocatedVUs: 10,
    // Enough for every request of a whole time-out to hang, and some more: none is dropped.
    maxVUs: Math.ceil(rate * (timeoutSeconds + 1)) + 20,
    gracefulStop: `${timeoutSeconds + 1}s`,
  };
}

export const options: Options = {
  discardResponseBodies: true,
  scenarios: {
    first: scenario("first", Number(__ENV.FIRST_RATE ?? "20")),
    second: scenario("second", Number(__ENV.SECOND_RATE ?? "50")),
  },
};

function ask(name: string, host: string, path: string): void {
  // Half of the requests on connections of their own: a pooled one can outlive what goes wrong behind the ingress.
  const connection: Record<string, string> = __ITER % 2 === 0 ? {} : { Connection: "close" };
  http.get(`${__ENV.TARGET_URL}${path}`, {
    headers: { Host: host, ...connection },
    tags: { name },
    timeout: `${timeoutSeconds}s`,
  });
}

export function first(): void {
  ask(__ENV.FIRST ?? "first", __ENV.FIRST_HOST ?? "", __ENV.FIRST_PATH ?? "/");
}

export function second(): void {
  ask(__ENV.SECOND ?? "second", __ENV.SECOND_HOST ?? "", __ENV.SECOND_PATH ?? "/");
}
