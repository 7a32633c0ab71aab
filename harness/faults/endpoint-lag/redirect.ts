/**
 * The redirect inside the network namespace of a controller's pod: packets to the API server go to the proxy.
 *
 * Connections that were open before are not touched by a NAT rule, so a second rule resets whatever still goes to the
 * API server itself: packets that were redirected have another destination by then. Clients built on client-go take a
 * reset for the plain end of a watch and connect again at once; any other broken connection makes them back off, each
 * time longer, up to a minute.
 */
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";

export type Target = {
  readonly namespace: string;
  readonly name: string;
  /** A pod of the same name that came later is another pod. */
  readonly uid: string;
  readonly node: string;
};

/** `ip:port` */
export type Address = string;

const TIMEOUT_MS = 15_000;
const commentOf = (id: string) => `faultline:${id}`;

/** Input of `iptables-restore --noflush` that sends `from` to `to`. Rules stand first, before those of a service mesh. */
export function redirectRules(id: string, from: readonly Address[], to: Address): string {
  return (
    table("nat", id, from, `DNAT --to-destination ${to}`) + table("filter", id, from, "REJECT --reject-with tcp-reset")
  );
}

/**
 * New connections go past the redirect, while those that were redirected still work. The redirect itself stays behind
 * these rules: with its last rule the kernel stops translating in that network namespace, and a reset from the proxy
 * would not be understood.
 */
export function bypassRules(id: string, from: readonly Address[]): string {
  return table("nat", id, from, "ACCEPT");
}

function table(name: string, id: string, from: readonly Address[], target: string): string {
  const rules = from.map((address) => {
    const [ip, port] = address.split(":");
    const match = `-d ${ip}/32 -p tcp -m tcp --dport ${port} -m comment --comment "${commentOf(id)}"`;
    return `-I OUTPUT 1 ${match} -j ${target}`;
  });
  return [`*${name}`, ...rules, "COMMIT", ""].join("\n");
}

/** What `iptables-save` shows of this fault: how many rules, and the input that removes them. */
export interface Found {
  readonly removal: string;
  readonly count: number;
}

/** @param only the table to look into; default: all. */
export function findRules(saved: string, id: string, only?: "filter"): Found {
  const removal: string[] = [];
  let count = 0;
  let table = "";
  for (const line of saved.split("\n")) {
    if (line.startsWith("*") || line === "COMMIT") removal.push(line);
    if (line.startsWith("*")) table = line.slice(1);
    if (!line.startsWith("-A ") || !commentsOf(line).includes(commentOf(id))) continue;
    if (only !== undefined && table !== only) continue;
    removal.push(line.replace(/^-A /, "-D "));
    count += 1;
  }
  return { removal: `${removal.join("\n")}\n`, count };
}

/** Ids of all endpoint-lag faults that have rules here. */
export function idsIn(saved: string): readonly string[] {
  const comments = saved.split("\n").flatMap(commentsOf);
  return [...new Set(comments.flatMap((comment) => /^faultline:(.+)$/.exec(comment)?.[1] ?? []))];
}

const commentsOf = (rule: string): string[] =>
  [...rule.matchAll(/--comment "?([^"\s]+)"?/g)].map((match) => match[1] ?? "");

/** The network namespace of a pod; every call runs a program on its node. */
export interface PodNetwork {
  rules(): Promise<string>;
  restore(input: string): Promise<void>;
  /**
   * Ends the pod's TCP connections to these addresses where the kernel can; elsewhere they end by themselves later.
   * For connections that nobody is left to reset: the client sees them aborted, and backs off.
   */
  endConnections(to: readonly Address[]): Promise<void>;
}

/** @returns null when the pod is gone, and its network namespace with it. */
export async function podNetwork(nodes: readonly NodeHandle[], target: Target): Promise<PodNetwork | null> {
  const node = nodes.find((one) => one.name === target.node);
  if (node === undefined) return null;
  const path = await namespacePath(node, target);
  if (path === null) return null;
  const enter = ["nsenter", `--net=${path}`];
  return {
    rules: async () => (await node.exec([...enter, "iptables-save"], { timeoutMs: TIMEOUT_MS })).stdout,
    restore: async (input) => {
      await node.exec([...enter, "iptables-restore", "--noflush", "--wait", "5"], { timeoutMs: TIMEOUT_MS, input });
    },
    endConnections: async (to) => {
      const filter = to.flatMap((address, i) => {
        const [ip, port] = address.split(":");
        return [...(i === 0 ? [] : ["or"]), "(", "dst", `${ip}`, "and", "dport", "=", `:${port}`, ")"];
      });
      await node.exec([...enter, "ss", "--kill", "--tcp", ...filter], { timeoutMs: TIMEOUT_MS, accept: "any" });
    },
  };
}

interface Sandbox {
  readonly id: string;
  readonly metadata: { readonly uid: string };
}
interface SandboxDetails {
  readonly info?: {
    readonly pid?: number;
    readonly runtimeSpec?: {
      readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
    };
  };
}

async function namespacePath(node: NodeHandle, target: Target): Promise<string | null> {
  const listed = await node.exec(
    ["crictl", "pods", "--namespace", target.namespace, "--name", target.name, "--state", "Ready", "--output", "json"],
    { timeoutMs: TIMEOUT_MS },
  );
  const sandboxes: readonly Sandbox[] = JSON.parse(listed.stdout).items ?? [];
  const sandbox = sandboxes.find((one) => one.metadata.uid === target.uid);
  if (sandbox === undefined) return null;
  const inspected = await node.exec(["crictl", "inspectp", "--output", "json", sandbox.id], { timeoutMs: TIMEOUT_MS });
  const { info } = JSON.parse(inspected.stdout) as SandboxDetails;
  const path = info?.runtimeSpec?.linux?.namespaces?.find((one) => one.type === "network")?.path;
  if (path !== undefined && path !== "") return path;
  if (info?.pid !== undefined) return `/proc/${info.pid}/ns/net`;
  throw new FaultlineError(
    "fault",
    `${target.namespace}/${target.name}: the container runtime of ${node.name} does not tell its network namespace`,
    { fix: "use a node image with containerd, whose sandboxes crictl can inspect" },
  );
}
