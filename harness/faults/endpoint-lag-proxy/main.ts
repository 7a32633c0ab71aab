/** Runs in a pod next to the controller: the delaying proxy with its control port, or with `ROLE=canary` the canary alone. */
import { readFileSync } from "node:fs";
import { controlServer } from "./control.ts";
import { Lag } from "./lag.ts";
import { lagProxy } from "./proxy.ts";

const PROXY_PORT = 8_443;
const CONTROL_PORT = 8_080;

const lag = new Lag();
const proxy = process.env.ROLE === "canary" ? null : startProxy();
controlServer({ name: process.env.NAME ?? "", lag, proxy }).listen(CONTROL_PORT);

// Process 1 of a container gets no default handler. Clients are told by a reset, so that they connect again at once.
process.once("SIGTERM", () => {
  proxy?.reset();
  process.exit(0);
});

function startProxy() {
  const started = lagProxy({
    key: readFileSync("/etc/faultline/tls/tls.key", "utf8"),
    cert: readFileSync("/etc/faultline/tls/tls.crt", "utf8"),
    upstream: {
      host: process.env.KUBERNETES_SERVICE_HOST ?? "kubernetes.default.svc",
      port: Number(process.env.KUBERNETES_SERVICE_PORT ?? 443),
      ca: readFileSync("/etc/faultline/ca/ca.crt", "utf8"),
    },
    lag,
  });
  started.server.listen(PROXY_PORT);
  return started;
}
