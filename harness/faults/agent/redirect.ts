/**
 * Rules in the network namespaces of pods, with their undo and a lease on each node. The undo walks all network
 * namespaces of its node for the fault's comment: it needs to know nothing of the pods, and is right for those that were
 * followed, for half an inject, and when a pod is gone. A node that boots again makes new network namespaces.
 */
import { SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";
import { endOnNode, NODE_FOLDER, type NodePart, renewOnNode, runOnNode, startOnNode } from "../node/on-node.ts";
import { type PodNetwork, podNetwork, type Target } from "./pod-network.ts";
import { idsIn, type Rule, restoreInput } from "./rules.ts";

export interface Redirect {
  readonly id: string;
  /** The same for every pod of the fault. */
  readonly rules: readonly Rule[];
  /** bash, run with `$1` as the network namespace once its rules are in; its failure counts for nothing. */
  readonly begin?: string;
  /** bash, run with `$1` as the network namespace once its rules are out; its failure counts for nothing. */
  readonly settle: string;
}

/** `each`: runs a function for every network namespace that has rules of this fault; a pod may go meanwhile. */
const LIBRARY = `
MARK="faultline:$ID"
enters() { nsenter --net="$1" true 2> /dev/null; }
restore() { nsenter --net="$1" iptables-restore --noflush --wait 5; }
# Prints the input that takes out what is marked; $1: a table, or nothing for all.
removal() {
  awk -v mark="$MARK" -v only="$1" '
    /^\\*/ { table = substr($0, 2) }
    /^\\*/ || /^COMMIT/ { print }
    /^-A / && index($0, mark) && (only == "" || table == only) { sub(/^-A/, "-D"); print }' <<< "$saved"
}
each() {
  local failed=0 ns
  for ns in /run/netns/*; do
    enters "$ns" || continue
    if saved=$(nsenter --net="$ns" iptables-save); then
      case $saved in *"$MARK"*) "$@" "$ns" ;; esac && continue
    fi
    ! enters "$ns" || failed=1
  done
  return "$failed"
}`;

/** Puts the rules into pods that do not have all of them. Pods that are gone are left out. */
export async function putRules(
  context: FaultContext,
  redirect: Redirect,
  pods: readonly Target[],
  leaseMs: number,
): Promise<void> {
  const { id, rules, begin = "" } = redirect;
  const nodes = await context.cluster.nodes();
  const found = await Promise.all(pods.map(async (pod) => ({ pod, network: await podNetwork(nodes, pod) })));
  await Promise.all(
    nodes.map(async (node) => {
      const here = found.flatMap(({ pod, network }) => (pod.node === node.name && network !== null ? [network] : []));
      if (here.length === 0) return;
      const inject = `set -eu
${LIBRARY}
begin() {
  :
${begin}
}
put() {
  enters "$1" || return 0
  saved=$(nsenter --net="$1" iptables-save)
  [ "$(grep -cF "$MARK" <<< "$saved")" != ${rules.length} ] || return 0
  removal "" | restore "$1"
  restore "$1" <<'RULES'
${restoreInput(id, rules)}RULES
  begin "$1" > /dev/null 2>&1 || true
}
${here.map(({ path }) => `put ${path}`).join("\n")}`;
      await startOnNode(node, { ...partOf(redirect), inject }, leaseMs);
    }),
  );
}

/** @throws FaultlineError `fault` when a node has taken the rules out meanwhile. */
export async function renewRules(
  context: FaultContext,
  id: string,
  pods: readonly Target[],
  leaseMs: number,
): Promise<void> {
  const wanted = new Set(pods.map(({ node }) => node));
  const nodes = (await context.cluster.nodes()).filter(({ name }) => wanted.has(name));
  await Promise.all(nodes.map(async (node) => renewOnNode(node, id, leaseMs)));
}

/**
 * What was redirected goes on so, and what is new goes past it. The redirect itself stays behind these rules: with its
 * last rule the kernel stops translating in that network namespace, and a reset from the proxy would not be understood.
 */
export async function bypassRules(context: FaultContext, id: string, past: readonly Rule[]): Promise<void> {
  const script = `${LIBRARY}
bypass() {
  { removal filter; cat <<'RULES'
${restoreInput(id, past)}RULES
  } | restore "$1"
}
each bypass`;
  await onAllNodes(context, async (node) => runOnNode(node, id, script));
}

/** Takes all rules of the fault out, wherever they are, and ends the leases. */
export async function removeRules(context: FaultContext, redirect: Omit<Redirect, "rules">): Promise<void> {
  await onAllNodes(context, async (node) => endOnNode(node, partOf(redirect)));
}

/** How many rules of the fault there are in all pods of all nodes; those of a node that is down are gone with it. */
export async function rulesLeft(context: FaultContext, id: string): Promise<number> {
  const script = `${LIBRARY}
count() { grep -cF "$MARK" <<< "$saved"; }
each count`;
  const counts = await onAllNodes(context, async (node) => {
    const { stdout } = await runOnNode(node, id, script);
    return stdout.split("\n").reduce((sum, line) => sum + Number(line), 0);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/** For people: the undo lies on the node as long as the fault is there. */
export function rulesByHand(id: string, pods: readonly Target[]): readonly string[] {
  const nodes = [...new Set(pods.map(({ node }) => node))];
  const undo = `ID=${id} bash ${NODE_FOLDER}/${id}/undo.sh && rm -rf ${NODE_FOLDER}/${id}`;
  return [
    ...nodes.map((node) => `docker exec ${node} bash -c '${undo}'`),
    `kubectl --namespace ${SYSTEM_NAMESPACE} delete pod ${id} --ignore-not-found`,
  ];
}

/**
 * The networks of pods that a fault can be put on.
 * @param words of `faultName`: a pod that has rules of such a fault already is refused, as two of them cannot be told apart.
 */
export async function freeNetworks(
  context: FaultContext,
  pods: readonly Target[],
  id: string,
  words: readonly string[],
): Promise<readonly PodNetwork[]> {
  const nodes = await context.cluster.nodes();
  return await Promise.all(
    pods.map(async (pod) => {
      const network = await podNetwork(nodes, pod);
      const name = `${pod.namespace}/${pod.name}`;
      if (network === null) {
        throw new FaultlineError("fault", `${name}: its network namespace cannot be entered`, {
          fix: "use a cluster whose nodes the harness can run programs on, and pods that run",
        });
      }
      const others = idsIn(await network.rules()).filter(
        (one) => one !== id && words.some((word) => one.startsWith(`faultline-${word}-`)),
      );
      if (others.length === 0) return network;
      throw new FaultlineError("fault", `${name} is redirected already by ${others.join(", ")}`, {
        fix: "let the faults follow each other, or run `faultline revert` to end what an earlier run left",
        context: { ids: others },
      });
    }),
  );
}

/** Without its inject: which pods it concerns is told each time. */
const partOf = ({ id, settle }: Omit<Redirect, "rules">): Omit<NodePart, "inject"> => ({
  id,
  undo: `${LIBRARY}
settle() {
  :
${settle}
}
strip() {
  removal "" | restore "$1" || return
  settle "$1" > /dev/null 2>&1 || true
}
each strip`,
});

/** A node that has stopped or is gone holds no rules, and is left out. */
async function onAllNodes<T>(context: FaultContext, run: (node: NodeHandle) => Promise<T>): Promise<readonly T[]> {
  const results = await Promise.all(
    (await context.cluster.nodes()).map(async (node) => {
      try {
        return [await run(node)];
      } catch (error) {
        if (error instanceof FaultlineError && ["stopped", "gone"].includes(String(error.context.nodeState))) return [];
        throw error;
      }
    }),
  );
  return results.flat();
}
