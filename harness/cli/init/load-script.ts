/** The load of an experiment of one's own: a script in k6's API, for its author to go on with. */
export const LOAD_SCRIPT = `/**
 * A constant rate of requests, whatever the answers do (open model). In k6's own API: it runs unchanged in k6 too.
 *
 * Settings: TARGET_URL, TARGET_HOST (Host header), TARGET_PATH, RATE (requests per second).
 */
import { check } from "k6";
import http from "k6/http";
import type { Options } from "k6/options";

const rate = Number(__ENV.RATE ?? "50");
const timeoutSeconds = 5;

export const options: Options = {
  scenarios: {
    requests: {
      executor: "constant-arrival-rate",
      rate,
      duration: "30m", // longer than any arm: the run ends it
      preAllocatedVUs: 20,
      // Enough for every request of a whole time-out to hang: none is dropped.
      maxVUs: rate * (timeoutSeconds + 1) + 20,
      gracefulStop: \`\${timeoutSeconds + 1}s\`,
    },
  },
};

export default function () {
  // Every other request on a connection of its own: what pooled ones meet and what new ones meet can differ.
  const connection: Record<string, string> = __ITER % 2 === 0 ? {} : { Connection: "close" };
  const host: Record<string, string> = __ENV.TARGET_HOST ? { Host: __ENV.TARGET_HOST } : {};
  const answer = http.get(\`\${__ENV.TARGET_URL}\${__ENV.TARGET_PATH}\`, {
    headers: { ...host, ...connection },
    tags: { name: "get" },
    timeout: \`\${timeoutSeconds}s\`,
  });
  check(answer, { "is answered": (response) => response.status > 0 && response.status < 400 });
}
`;
