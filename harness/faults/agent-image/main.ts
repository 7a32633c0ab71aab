/**
 * Runs in a pod of ours, with the part that `ROLE` names: `api` and `dns` are proxies between a client and the cluster,
 * `http` is one between a service and its clients, `canary` is the control port alone.
 */
import { readFileSync } from "node:fs";
import { apiProxy } from "./api-proxy.ts";
import { controlServer, type Role } from "./control.ts";
import { dnsProxy } from "./dns-proxy.ts";
import { httpProxy } from "./http-proxy.ts";

const CONTROL_PORT = 8_080;
const API_PORT = 8_443;
const DNS_PORT = 5_353;
const HTTP_PORT = 8_081;

const ROLES: Readonly<Record<string, () => Role | null>> = {
  canary: () => null,
  api: startApi,
  dns: startDns,
  http: startHttp,
};

const start = ROLES[process.env.ROLE ?? ""];
if (start === undefined) throw new Error(`no role ${process.env.ROLE}`);
const role = start();
controlServer({ name: process.env.NAME ?? "", role }).listen(CONTROL_PORT);

// Process 1 of a container gets no default handler. Clients are told by a reset, so that they connect again at once.
process.once("SIGTERM", () => {
  role?.reset();
  process.exit(0);
});

function startApi(): Role {
  const started = apiProxy({
    key: readFileSync("/etc/faultline/tls/tls.key", "utf8"),
    cert: readFileSync("/etc/faultline/tls/tls.crt", "utf8"),
    upstream: {
      host: process.env.KUBERNETES_SERVICE_HOST ?? "kubernetes.default.svc",
      port: Number(process.env.KUBERNETES_SERVICE_PORT ?? 443),
      ca: readFileSync("/etc/faultline/ca/ca.crt", "utf8"),
    },
  });
  started.server.listen(API_PORT);
  return started;
}

function startDns(): Role {
  const started = dnsProxy({ host: process.env.UPSTREAM ?? "", port: 53 });
  started.udp.bind(DNS_PORT);
  started.tcp.listen(DNS_PORT);
  return started;
}

function startHttp(): Role {
  const started = httpProxy({ port: Number(process.env.PORT), seed: Number(process.env.SEED) });
  started.tcp.listen(HTTP_PORT);
  return started;
}
