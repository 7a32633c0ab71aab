/** `faultline cluster up|list|down|gc`: clusters that outlive a command. */
import { kindProvider } from "../cluster/kind.ts";
import { FaultlineError } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";

export interface UpOptions {
  readonly topology: string;
  readonly ingress?: string;
  readonly imds?: boolean;
  readonly egress: string;
  readonly nodeImage?: string;
  /** Caps of each worker. */
  readonly cpus?: string;
  readonly memoryMib?: string;
  readonly json: boolean;
}
interface Output {
  readonly json: boolean;
}

/** Progress is for people and never on stdout, which belongs to the result. */
const progress = (line: string) => process.stderr.write(`${line}\n`);
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Creates a cluster that stays until `down`. Ctrl-C stops it and leaves nothing behind. */
export async function clusterUp(name: string, options: UpOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted)
      progress(`still removing; what stays after a kill goes with: faultline cluster down ${name}`);
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const started = performance.now();
  try {
    const spec = specOf(options);
    const cluster = await kindProvider.up({
      ...{ name, spec, images: [], keep: true, signal: stop.signal, onProgress: progress },
    });
    const nodes = await cluster.nodes();
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const { kubeconfig, ingressUrl } = cluster;
    cluster.kube.close();
    if (options.json) print({ name, kubeconfig, ingressUrl, nodes: nodes.map((node) => node.name), seconds });
    else {
      process.stdout.write(`cluster ${name} is up after ${seconds} s: ${nodes.length} nodes\n`);
      if (ingressUrl !== null) process.stdout.write(`  ingress     ${ingressUrl}\n`);
      process.stdout.write(`  kubeconfig  ${kubeconfig}\n  remove it   faultline cluster down ${name}\n`);
    }
    return 0;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** @throws FaultlineError `usage` that names every option that is wrong. */
function specOf(options: UpOptions): ClusterSpec {
  const wrong: string[] = [];
  const { topology, ingress, egress, nodeImage } = options;
  if (ingress !== undefined && ingress !== "traefik") wrong.push(`--ingress: "${ingress}" is none; traefik is`);
  if (egress !== "rejected" && egress !== "allowed")
    wrong.push(`--egress: "${egress}" is neither rejected nor allowed`);
  const number = (option: string, text: string | undefined) => {
    const value = Number(text);
    if (text !== undefined && !(value > 0)) wrong.push(`--${option}: "${text}" is no number above 0`);
    return text === undefined ? {} : { [option === "cpus" ? "cpus" : "memoryMiB"]: value };
  };
  const nodeLimits = { ...number("cpus", options.cpus), ...number("memory-mib", options.memoryMib) };
  if (wrong.length > 0) throw new FaultlineError("usage", wrong.join("\n"));
  return {
    topology,
    egress: egress as "rejected" | "allowed",
    ...(ingress === undefined ? {} : { ingress: "traefik" }),
    ...(options.imds === true ? { imds: "mock" } : {}),
    ...(nodeImage === undefined ? {} : { nodeImage }),
    ...(Object.keys(nodeLimits).length === 0 ? {} : { nodeLimits }),
  };
}

export async function clusterList(options: Output): Promise<number> {
  const clusters = await kindProvider.list();
  if (options.json) print(clusters);
  else if (clusters.length === 0) process.stdout.write("no clusters of ours\n");
  for (const cluster of options.json ? [] : clusters) {
    const state = cluster.running ? "running" : "stopped";
    const ingress = cluster.ingressUrl ?? "no ingress port";
    process.stdout.write(
      `${cluster.name.padEnd(24)} ${state}  ${cluster.nodes} nodes  since ${cluster.createdAt}  ${ingress}  ${cluster.kubeconfig}\n`,
    );
  }
  return 0;
}

/** Right if it is gone already. */
export async function clusterDown(name: string, options: Output = { json: false }): Promise<number> {
  await kindProvider.down(name, progress);
  if (options.json) print({ removed: name });
  else process.stdout.write(`cluster ${name} is gone\n`);
  return 0;
}

export async function clusterGc(options: Output): Promise<number> {
  const removed = await kindProvider.gc(progress);
  if (options.json) print({ removed });
  else if (removed.length === 0) process.stdout.write("nothing to remove\n");
  return 0;
}
