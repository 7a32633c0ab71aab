/**
 * What the faults on the network share: whom they hit and with whom, rules on the nodes with their undo and lease, pods
 * followed while it lasts, and evidence by packets of our own. What differs is in `Impairment`.
 */
import type { ExecResult } from "../../cluster/exec.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError, messageOf } from "../../errors.ts";
import type { FaultSpec } from "../../fault-specs.ts";
import type { Evidence, Json } from "../../types.ts";
import type { Capability, Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf } from "../node/findings.ts";
import { endOnNode, leftOnNode, NODE_FOLDER } from "../node/on-node.ts";
import { chooseTargets, type EndsSpec, endOf, endsProblems, type Peers, resolvePeers, type Target } from "./ends.ts";
import { type Ends, type Judge, lookAtTargets } from "./evidence.ts";
import { LiveFault, renewOnNodes } from "./live.ts";
import { refuseSecond, refuseUnmeasurable } from "./refuse.ts";
import { leftScript, type RuleSet, type Table, undoScript } from "./rules.ts";

type NetworkSpec = FaultSpec & EndsSpec;

export interface Impairment<Spec extends NetworkSpec, Params extends Json> extends Judge<Params> {
  readonly kind: Spec["kind"];
  /** Part of the names of what it creates. */
  readonly word: string;
  readonly drawAs: Fault["drawAs"];
  readonly needs: readonly Capability[];
  readonly table: Table;
  /** Mistakes beside those in targets and peers. */
  problems(spec: Spec): readonly { readonly path: string; readonly message: string }[];
  params(spec: Spec): Params;
  actions(params: Params, id: string): RuleSet["actions"];
  /** bash, run on a node before its rules are written. */
  prelude?(params: Params, id: string, ends: EndsSpec): string;
}

export type NetworkUndo<Params extends Json> = {
  readonly id: string;
  readonly params: Params;
  /** The spec's own words on whom it hits, for targets and peers that change. */
  readonly ends: Json;
  readonly targets: readonly Target[];
  readonly peers: Peers;
};

const NODE_TIMEOUT_MS = 20_000;
/** What the process that injected knows of a fault; all that an undo needs is on the nodes. */
const live = new Map<string, LiveFault>();

export const bothWays = (actions: readonly string[]): RuleSet["actions"] => ({ to: actions, from: actions });

const specOf = ({ ends }: { readonly ends: Json }) => ends as unknown as EndsSpec;

export function networkFault<Spec extends NetworkSpec, Params extends Json>(
  kind: Impairment<Spec, Params>,
): Fault<Spec, NetworkUndo<Params>> {
  type Undo = NetworkUndo<Params>;
  const undo = (token: Undo) => ({ id: token.id, undo: undoScript(token.id, kind.table) });

  return {
    kind: kind.kind,
    needs: ["node-exec", "iptables", "packet-probe", ...kind.needs],
    oneShot: false,
    drawAs: kind.drawAs,

    validate: (spec) => [...endsProblems(spec), ...kind.problems(spec)],

    async prepare(spec, context) {
      const { pods, nodes, peers, direction } = spec;
      // As it will be read back, without what was left out.
      const ends: EndsSpec = JSON.parse(JSON.stringify({ pods, nodes, peers, direction }));
      const targets = await chooseTargets(context, ends);
      const hit = targets.map(endOf);
      const found = await resolvePeers(context, ends, hit);
      for (const target of hit) refuseUnmeasurable(target, found);
      const id = faultName(kind.word, context.runId, context.faultId);
      await refuseSecond(context, kind.word, id, hit);
      return { id, params: kind.params(spec), ends: ends as unknown as Json, targets, peers: found };
    },

    async inject(token, context, leaseMs) {
      const { id, params, targets, peers } = token;
      await live.get(id)?.end();
      const prelude = kind.prelude?.(params, id, specOf(token)) ?? "";
      const { graceMs } = kind.plan(params);
      const standing = {
        id,
        table: kind.table,
        actions: kind.actions(params, id),
        ends: specOf(token),
        prelude,
        graceMs,
      };
      const fault = new LiveFault(standing, context);
      live.set(id, fault);
      await fault.begin(targets, peers, leaseMs);
      await fault.follow(targets);
    },

    async renew(token, context, leaseMs) {
      const fault = live.get(token.id);
      const nodes = [...new Set(token.targets.map(({ node }) => node))];
      await (fault?.renew(leaseMs) ?? renewOnNodes(context, token.id, nodes, leaseMs));
    },

    async verifyEffective(token, context) {
      if (token.targets.length === 0) return evidenceOf([], "all");
      const evidence = await lookAtTargets(context, kind, token.params, endsOf(token));
      const coverage = live.get(token.id)?.coverage ?? null;
      if (coverage === null) return evidence;
      const { podSeconds, coveredPodSeconds } = coverage;
      return {
        ...evidence,
        because: `${evidence.because}; ${coveredPodSeconds} of ${podSeconds} pod-seconds were covered`,
        values: { ...evidence.values, ...coverage },
      };
    },

    async revert(token, context) {
      await live.get(token.id)?.end();
      const hit = hitNodes(token);
      await onNodes(token, context, async (node) => {
        try {
          if (hit.has(node.name) || (await leftOnNode(node)).includes(token.id)) await endOnNode(node, undo(token));
        } catch (error) {
          // Paused by another fault: what this one may have there ends with its lease.
          if (hit.has(node.name) || nodeStateOf(error) !== "paused") throw error;
        }
      });
    },

    verifyReverted: (token, context) => untilClean(kind, token, context),

    unsettles: (token) => (specOf(token).nodes === undefined ? [] : token.targets.map(({ node }) => node)),
    byHand: (token) =>
      [...new Set(token.targets.map(({ node }) => node))].map((node) => {
        const folder = `${NODE_FOLDER}/${token.id}`;
        return `docker exec -e ID=${token.id} ${node} bash -c 'bash ${folder}/undo.sh && rm -rf ${folder}'`;
      }),
  };
}

/** As they are now where this process has followed them, as they were chosen otherwise. */
function endsOf(token: NetworkUndo<Json>): Ends {
  const { targets, peers } = live.get(token.id) ?? token;
  const waits = [...live.values()].map((fault) => (fault.isOver ? 0 : fault.graceMs));
  return { targets: targets.map(endOf), peers, direction: specOf(token).direction, graceMs: Math.max(0, ...waits) };
}

const hitNodes = (token: NetworkUndo<Json>): ReadonlySet<string> =>
  new Set([...token.targets.map(({ node }) => node), ...(live.get(token.id)?.nodes ?? [])]);

/**
 * Every node that it may be on: whoever put it in knows them; for anybody else it may have followed its pods to any.
 * Tries them all. @throws FaultlineError `fault` that names each node where it failed.
 */
async function onNodes<T>(
  token: NetworkUndo<Json>,
  context: FaultContext,
  run: (node: NodeHandle) => Promise<T>,
): Promise<readonly T[]> {
  const hit = live.has(token.id) ? hitNodes(token) : null;
  const nodes = (await context.cluster.nodes()).filter(({ name }) => hit?.has(name) !== false);
  const settled = await Promise.allSettled(nodes.map(run));
  const failed = settled.flatMap((one, i) =>
    one.status === "rejected" ? [`${nodes[i]?.name}: ${messageOf(one.reason)}`] : [],
  );
  if (failed.length > 0) throw new FaultlineError("fault", failed.join("; "));
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** Nothing of it is on any node, and packets pass as they did, in the time that the step has. */
async function untilClean<Spec extends NetworkSpec, Params extends Json>(
  kind: Impairment<Spec, Params>,
  token: NetworkUndo<Params>,
  context: FaultContext,
): Promise<Evidence> {
  let last: Evidence = { effective: true, because: "nothing was seen yet", values: {} };
  const probe = async () => {
    const [left, traffic] = await Promise.all([
      leftOnNodes(token, context, kind.table),
      lookAtTargets(context, kind, token.params, endsOf(token), "any"),
    ]);
    last = {
      effective: left.length > 0 || traffic.effective,
      because: `${left.length === 0 ? "no rule and no queue is left" : `left are ${left.join(", ")}`}; ${traffic.because}`,
      values: { ...traffic.values, left: left.length },
    };
    return last.effective ? { done: false as const, saw: last.because } : { done: true as const, value: last };
  };
  const { budgetMs, signal } = context;
  return await waitFor({ what: "the network to be as before", timeoutMs: budgetMs, everyMs: 100, signal, probe }).catch(
    (error) => {
      if (error instanceof FaultlineError && error.code === "deadline") return last;
      throw error;
    },
  );
}

const nodeStateOf = (error: unknown) => (error instanceof FaultlineError ? String(error.context.nodeState) : "");

/** Nodes that are off or gone hold nothing; one that is paused was reverted before it was, or has its lease. */
async function leftOnNodes(token: NetworkUndo<Json>, context: FaultContext, table: Table): Promise<readonly string[]> {
  const lines = await onNodes(token, context, async (node) => {
    const look = node.exec(["bash", "-c", leftScript(token.id, table)], { timeoutMs: NODE_TIMEOUT_MS });
    const shown: Pick<ExecResult, "stdout"> = await look.catch((error: unknown) => {
      if (["stopped", "gone", "paused"].includes(nodeStateOf(error))) return { stdout: "" };
      throw error;
    });
    return shown.stdout.split("\n").flatMap((line) => (line === "" ? [] : [`${node.name}: ${line}`]));
  });
  return lines.flat();
}
