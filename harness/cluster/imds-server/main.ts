/** Runs on every node: the mock at the claimed address with its control port; or with `ROLE=canary` the canary. */
import { createHash } from "node:crypto";
import { canaryServer } from "./canary.ts";
import { clusterView } from "./cluster-view.ts";
import { controlServer } from "./control.ts";
import { Counter } from "./counts.ts";
import { doorOf } from "./door.ts";
import { InForce } from "./in-force.ts";
import { metadataMock } from "./mock.ts";

const env = (name: string, fallback: string): string => process.env[name] ?? fallback;

/** The address that every node claims for the mock. */
const address = { host: env("IMDS_HOST", "169.254.169.254"), port: Number(env("IMDS_PORT", "80")) };
const control = { host: env("CONTROL_HOST", "0.0.0.0"), port: Number(env("CONTROL_PORT", "16925")) };
const node = env("NODE_NAME", "node");
const nodeIp = env("NODE_IP", "127.0.0.1");
/** `namespace/name` of the ConfigMap with the settings; without it nothing is watched. */
const settingsRef = env("SETTINGS", "");

// Process 1 of a container gets no default handler.
process.once("SIGTERM", () => process.exit(0));
if (process.env.ROLE === "canary") canaryServer(address).listen(control);
else startMock();

function startMock(): void {
  const inForce = new InForce();
  const counter = new Counter();
  const view = clusterView(inForce);
  const { server, dropClients } = metadataMock({
    inForce,
    counter,
    pods: view.pods,
    instance: { instanceId: instanceIdOf(node), privateIp: nodeIp, startedMs: Date.now() },
    isNear: (ip) => [nodeIp, address.host].includes(ip),
  });
  server.on("listening", () => console.log(`listening at ${address.host}:${address.port}`));
  const door = doorOf(server, address, dropClients);
  door.open();
  inForce.onChange(() => (inForce.change.unavailable?.how === "refuse" ? door.close() : door.open()));
  const facts = () => ({ node, listening: server.listening, ...view.facts() });
  controlServer({ inForce, counter, pods: view.pods, facts }).listen(control);
  if (settingsRef !== "") view.watch(settingsRef, node);
}

/** `i-` and 17 hexadecimal digits; the same for the same node. */
function instanceIdOf(name: string): string {
  return `i-${createHash("sha256").update(name).digest("hex").slice(0, 17)}`;
}
