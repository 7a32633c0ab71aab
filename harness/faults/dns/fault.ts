/**
 * What the DNS faults share. In the network namespaces of the chosen pods, queries to the cluster's DNS go to a proxy of
 * ours that misbehaves for the chosen names and passes the others.
 */

import { FaultlineError } from "../../errors.ts";
import type { Evidence, FaultSpec } from "../../types.ts";
import {
  endFollowing,
  type Followed,
  podsNow,
  redirectPods,
  renewRedirect,
  withCoverage,
  withRulesLeft,
} from "../agent/following.ts";
import { AGENT_IMAGE, DNS_PORT, removeAgent, resetAgent, setAgent, startAgent } from "../agent/pod.ts";
import { freeNetworks, type Redirect, removeRules, rulesByHand, rulesLeft } from "../agent/redirect.ts";
import type { DnsMode, DnsSettings } from "../agent-image/dns-proxy.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";
import { choosePods, type PodTarget } from "../targets.ts";
import { findingOf } from "./effect.ts";
import { type LookupPlan, lookUp } from "./lookup.ts";
import { type DnsSpec, lookedAt } from "./names.ts";

export type DnsUndo = Followed & {
  readonly mode: DnsMode;
  readonly latencyMs: number;
  readonly names: readonly string[];
  /** Address of the cluster's DNS. */
  readonly server: string;
};

const WORD = "dns";
/** Stock resolvers wait 5 s for a try; what gets no answer at all is not waited for so long. */
const TRY_MS = 5_000;
const SILENCE_MS = 2_000;

export interface DnsKind<Spec> {
  readonly kind: Fault["kind"];
  readonly drawAs: Fault["drawAs"];
  readonly validate: (spec: Spec) => ReturnType<Fault["validate"]>;
  readonly effectOf: (spec: Spec) => { readonly mode: DnsMode; readonly latencyMs: number };
}

export function dnsFault<Spec extends DnsSpec & FaultSpec>(
  of: DnsKind<Spec> & { readonly kind: Spec["kind"] },
): Fault<Spec, DnsUndo> {
  return {
    kind: of.kind,
    needs: ["node-exec", "iptables", "cluster-dns"],
    oneShot: false,
    images: [AGENT_IMAGE],
    drawAs: of.drawAs,
    validate: of.validate,

    async prepare(spec, context) {
      // An empty selector is every pod of the namespace.
      const targets = spec.pods ?? { selector: "" };
      const undo: DnsUndo = {
        id: faultName(WORD, context.runId, context.faultId),
        ...of.effectOf(spec),
        names: spec.names.map((name) => name.toLowerCase()),
        targets,
        pods: await choosePods(context, targets),
        server: await dnsAddress(context),
      };
      await freeNetworks(context, undo.pods, undo.id, [WORD]);
      await refuseBefore(undo, context);
      return undo;
    },

    async inject(undo, context, leaseMs) {
      const node = undo.pods[0]?.node;
      if (node === undefined) return;
      const env = { UPSTREAM: undo.server };
      const ip = await startAgent(context, { name: undo.id, id: undo.id, role: "dns", node, env });
      await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      await redirectPods(context, undo, redirectOf(undo, ip), leaseMs);
    },

    async renew(undo, context, leaseMs) {
      if (undo.pods.length === 0) return;
      await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      await renewRedirect(context, undo, leaseMs);
    },

    async verifyEffective(undo, context) {
      return withCoverage(undo.id, evidenceOf(await findings(undo, podsNow(undo), context), "all"));
    },

    async revert(undo, context) {
      await endFollowing(undo.id);
      // What is held back is answered before its way back is gone.
      await resetAgent(context, undo.id);
      await removeRules(context, redirectOf(undo, ""));
      await removeAgent(context, undo.id);
    },

    byHand: ({ id, pods }) => rulesByHand(id, pods),

    async verifyReverted(undo, context): Promise<Evidence> {
      const rules = await rulesLeft(context, undo.id);
      const evidence = evidenceOf(await findings(undo, undo.pods, context), "any");
      const isGone = undo.pods.length > 0 && evidence.values.targets === 0;
      return withRulesLeft(rules, evidence, isGone ? "none of its pods is there any more" : null);
    },
  };
}

const settingsOf = ({
  mode,
  latencyMs,
  names,
}: DnsUndo): DnsSettings & { readonly [key: string]: string | number | readonly string[] } => ({
  mode,
  latencyMs,
  names,
});

function redirectOf({ id, server }: DnsUndo, proxyIp: string): Redirect {
  return {
    id,
    rules: ["udp", "tcp"].map((protocol) => ({
      table: "nat",
      chain: "OUTPUT",
      match: `-d ${server}/32 -p ${protocol} -m ${protocol} --dport 53`,
      target: `DNAT --to-destination ${proxyIp}:${DNS_PORT}`,
    })),
    // A resolver that keeps its socket would go on asking the proxy.
    settle: `nsenter --net="$1" conntrack --delete --orig-dst ${server}`,
  };
}

const planOf = ({ mode, names, server }: DnsUndo): LookupPlan => ({
  ...lookedAt(names),
  server,
  times: mode === "late" ? 2 : 1,
  tryMs: mode === "drop" ? SILENCE_MS : TRY_MS,
});

/** Pods that ask another DNS server are refused at the start, and left alone when they come later. */
async function findings(undo: DnsUndo, pods: readonly PodTarget[], context: FaultContext): Promise<readonly Finding[]> {
  const plan = planOf(undo);
  const readings = await lookUp(context, pods, plan);
  return readings
    .filter(({ asksCluster }) => asksCluster)
    .map((reading) => findingOf(reading, { ...undo, hit: plan.hit }, plan.tryMs));
}

/** What is so already cannot be told from the fault's effect. */
async function refuseBefore(undo: DnsUndo, context: FaultContext): Promise<void> {
  const plan = planOf(undo);
  for (const reading of await lookUp(context, undo.pods, plan)) {
    if (!reading.asksCluster) {
      throw new FaultlineError("fault", `${reading.pod} does not ask the cluster's DNS at ${undo.server}`, {
        fix: "choose pods with dnsPolicy ClusterFirst",
      });
    }
    const { inEffect, saw } = findingOf(reading, { ...undo, hit: plan.hit }, plan.tryMs);
    if (!inEffect) continue;
    throw new FaultlineError("fault", `${reading.pod}: without the fault ${saw}, so its effect could not be told`, {
      fix: "name a name that is answered, before any for which it does not matter",
    });
  }
}

/** @throws FaultlineError `fault` where it has no IPv4 address. */
export async function dnsAddress(context: FaultContext): Promise<string> {
  const ref = { apiVersion: "v1", kind: "Service", namespace: "kube-system", name: "kube-dns" };
  const ip: unknown = (await context.cluster.kube.get(ref))?.spec?.clusterIP;
  if (typeof ip === "string" && /^\d+\.\d+\.\d+\.\d+$/.test(ip)) return ip;
  throw new FaultlineError(
    "fault",
    `the service kube-system/kube-dns has the address "${ip}"; the redirect is IPv4 alone`,
  );
}
