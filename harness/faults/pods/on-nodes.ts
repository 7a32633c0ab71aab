/** What is done to containers on the nodes that they run on, each node with an undo and a lease of its own. */
import { FaultlineError } from "../../errors.ts";
import type { PodTargets } from "../../fault-specs.ts";
import type { FaultContext } from "../fault.ts";
import { endOnNode, NODE_FOLDER, renewOnNode, startOnNode } from "../node/on-node.ts";
import { choosePods, type PodTarget } from "../targets.ts";
import { idOf, nodeOf } from "./containers.ts";

/** A container of a pod as an undo token holds it. */
export type ContainerTarget = PodTarget & {
  readonly container: string;
  /** As the runtime has it; a restart gives it another. */
  readonly containerId: string;
  /** Bytes; 0 where there is no limit. */
  readonly memoryLimit: number;
};

/** For a script on a node: what it leaves running, or must put back, for the containers of that node alone. */
export interface ContainerPart {
  readonly id: string;
  readonly targets: readonly ContainerTarget[];
  readonly inject: (targets: readonly ContainerTarget[]) => string;
  readonly undo: (targets: readonly ContainerTarget[]) => string;
}

const TIMEOUT_MS = 20_000;

/**
 * The container of that name of each chosen pod, or its first.
 * @throws FaultlineError `fault` when a pod has none of that name, or another fault has it already.
 */
export async function chooseContainers(
  context: FaultContext,
  id: string,
  targets: PodTargets,
  name: string | undefined,
): Promise<readonly ContainerTarget[]> {
  const pods = await choosePods(context, targets);
  const chosen = await Promise.all(pods.map(async (pod) => containerOf(context, pod, name)));
  for (const [node, ours] of byNode(chosen)) await refuseClaimed(context, id, node, ours);
  return chosen;
}

export async function startOnNodes(part: ContainerPart, context: FaultContext, leaseMs: number): Promise<void> {
  await onEach(part, context, async (node, targets) => {
    const claims = targets.map(({ uid, container }) => `${uid} ${container}`).join("\n");
    const inject = `cat > "$DIR/claims" <<'CLAIMS-END'\n${claims}\nCLAIMS-END\n${part.inject(targets)}`;
    await startOnNode(node, { id: part.id, inject, undo: part.undo(targets) }, leaseMs);
  });
}

export async function renewOnNodes(part: ContainerPart, context: FaultContext, leaseMs: number): Promise<void> {
  await onEach(part, context, async (node) => renewOnNode(node, part.id, leaseMs));
}

/** One node that fails keeps none of the others from being tried. */
export async function endOnNodes(part: ContainerPart, context: FaultContext): Promise<void> {
  await onEach(part, context, async (node, targets) => endOnNode(node, { id: part.id, undo: part.undo(targets) }));
}

type Node = NonNullable<Awaited<ReturnType<typeof nodeOf>>>;

/** Nodes that are gone are passed over, and everything on them. */
async function onEach(
  { targets }: ContainerPart,
  context: FaultContext,
  action: (node: Node, targets: readonly ContainerTarget[]) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(
    [...byNode(targets)].map(async ([name, ours]) => {
      const node = await nodeOf(context, name);
      if (node !== null) await action(node, ours);
    }),
  );
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join("; "));
}

const byNode = (targets: readonly ContainerTarget[]) => Map.groupBy(targets, ({ node }) => node);

async function containerOf(context: FaultContext, pod: PodTarget, name: string | undefined): Promise<ContainerTarget> {
  const found = await context.cluster.kube.get({ apiVersion: "v1", kind: "Pod", ...pod });
  const containers: readonly { name: string; resources?: { limits?: { memory?: string } } }[] =
    found?.spec.containers ?? [];
  const container = name === undefined ? containers[0] : containers.find((one) => one.name === name);
  const status = (found?.status?.containerStatuses ?? []).find((one: { name: string }) => one.name === container?.name);
  if (container === undefined || status?.containerID === undefined) {
    throw new FaultlineError("fault", `${pod.namespace}/${pod.name} has no running container ${name ?? ""}`, {
      fix: `name one of ${containers.map((one) => one.name).join(", ")}`,
    });
  }
  return {
    ...pod,
    container: container.name,
    containerId: idOf(status.containerID),
    memoryLimit: bytesOf(container.resources?.limits?.memory ?? "0"),
  };
}

/** Two faults on one container would each undo what the other needs. */
async function refuseClaimed(
  context: FaultContext,
  id: string,
  name: string,
  targets: readonly ContainerTarget[],
): Promise<void> {
  const node = await nodeOf(context, name);
  if (node === null) throw new FaultlineError("fault", `no program can be run on ${name}`);
  const look = `cd ${NODE_FOLDER} 2> /dev/null && grep --with-filename '' ./*/claims 2> /dev/null; true`;
  const { stdout } = await node.exec(["sh", "-c", look], { timeoutMs: TIMEOUT_MS });
  for (const line of stdout.split("\n")) {
    const [, other, claim] = /^\.\/([^/]+)\/claims:(.*)$/.exec(line) ?? [];
    const taken = targets.find(({ uid, container }) => claim === `${uid} ${container}`);
    if (taken === undefined || other === id) continue;
    throw new FaultlineError("fault", `${taken.namespace}/${taken.name} is hit already by ${other}`, {
      fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
    });
  }
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Bytes of a quantity as the API writes it: "64Mi". */
export function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(quantity) ?? [];
  return Math.floor(Number(number ?? 0) * (UNITS[unit ?? ""] ?? 0));
}

/** Finds the cgroup of a pod, `$1` its uid, below which each container has one with its id in the name. */
export const FIND_POD_CGROUP = `pod_cgroup() {
  local uid=$1 found
  for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    found=$(find "$root" -maxdepth 7 -type d \\( -name "*pod$uid*" -o -name "*pod\${uid//-/_}*" \\) 2> /dev/null | head -n 1)
    [ -z "$found" ] || { echo "$found"; return 0; }
  done
  return 1
}`;
