/**
 * The cluster's DNS answers each pod only so many queries a second, and the others are lost: an overloaded server as its
 * clients see it, or a cloud's resolver with its limit of packets. The kernel drops them where they leave the pod, by
 * hashlimit: no load is made.
 */
import { FaultlineError } from "../errors.ts";
import type { DnsOverloadFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import {
  endFollowing,
  type Followed,
  podsNow,
  redirectPods,
  renewRedirect,
  withCoverage,
  withRulesLeft,
} from "./agent/following.ts";
import { freeNetworks, type Redirect, removeRules, rulesByHand, rulesLeft } from "./agent/redirect.ts";
import { numberProblems } from "./cpu/spec.ts";
import { askFrom, type Burst } from "./dns/burst.ts";
import { dnsAddress } from "./dns/fault.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding } from "./node/findings.ts";
import { choosePods, type PodTarget, targetProblems } from "./targets.ts";

export type DnsOverloadUndo = Followed & { readonly perSecond: number; readonly server: string };

const WORD = "dns";
const PER_SECOND = { least: 5, most: 100 };
/** Of the rate: what is saved up in the second of a measurement, and one query more. */
const TOLERANCE = 1.3;
/** Of what was asked: a server that answers fewer without the fault is slow already. */
const NEARLY_ALL = 0.9;
/** Answers of a busy machine come late at times; it is asked again. */
const LOOKS = 5;

export const dnsOverload: Fault<DnsOverloadFault, DnsOverloadUndo> = {
  kind: "dns.overload",
  needs: ["node-exec", "iptables", "cluster-dns", "packet-limit", "packet-probe"],
  oneShot: false,
  drawAs: { label: "the cluster's DNS answers few queries", colour: "#5e3c99" },
  model:
    "an overloaded DNS server as its clients see it: each pod's queries over the rate are lost; the server itself is left alone, and answers the others as quickly as before",

  validate: ({ perSecond, pods }) => [
    ...numberProblems("perSecond", perSecond, PER_SECOND),
    ...(pods === undefined ? [] : targetProblems("pods", pods)),
  ],

  async prepare({ perSecond, pods }, context) {
    // An empty selector is every pod of the namespace.
    const targets = pods ?? { selector: "" };
    const undo: DnsOverloadUndo = {
      id: faultName(WORD, context.runId, context.faultId),
      perSecond,
      targets,
      pods: await choosePods(context, targets),
      server: await dnsAddress(context),
    };
    await freeNetworks(context, undo.pods, undo.id, [WORD]);
    await refuseBefore(undo, context);
    return undo;
  },

  inject: async (undo, context, leaseMs) => {
    if (undo.pods.length > 0) await redirectPods(context, undo, rulesOf(undo), leaseMs);
  },
  renew: async (undo, context, leaseMs) => {
    if (undo.pods.length > 0) await renewRedirect(context, undo, leaseMs);
  },

  async verifyEffective(undo, context) {
    return withCoverage(undo.id, evidenceOf(await findings(undo, podsNow(undo), context), "all"));
  },

  async revert(undo, context) {
    await endFollowing(undo.id);
    await removeRules(context, rulesOf(undo));
  },

  byHand: ({ id, pods }) => rulesByHand(id, pods),

  async verifyReverted(undo, context): Promise<Evidence> {
    const rules = await rulesLeft(context, undo.id);
    for (let looks = 1; ; looks += 1) {
      const evidence = evidenceOf(await findings(undo, undo.pods, context), "any");
      if (evidence.effective && looks < LOOKS && !context.signal.aborted) continue;
      const isGone = undo.pods.length > 0 && evidence.values.targets === 0;
      return withRulesLeft(rules, evidence, isGone ? "none of its pods is there any more" : null);
    }
  },
};

const rulesOf = ({ id, server, perSecond }: DnsOverloadUndo): Redirect => ({
  id,
  rules: [
    {
      table: "filter",
      chain: "OUTPUT",
      match: `-d ${server}/32 -p udp -m udp --dport 53 -m hashlimit --hashlimit-above ${perSecond}/sec --hashlimit-burst ${perSecond} --hashlimit-name ${id}`,
      target: "DROP",
    },
  ],
  settle: "",
});

/** Pods that ask another DNS server are refused at the start, and left alone when they come later. */
async function findings(undo: DnsOverloadUndo, pods: readonly PodTarget[], context: FaultContext): Promise<Finding[]> {
  const bursts = await askFrom(context, pods, undo.server, undo.perSecond);
  return bursts.filter(({ asksCluster }) => asksCluster).map((burst) => findingOf(burst, undo.perSecond));
}

/** Pure. No answer at all is another fault than this one. */
export function findingOf({ pod, asked, answered }: Burst, perSecond: number): Finding {
  return {
    name: pod,
    inEffect: answered > 0 && answered <= perSecond * TOLERANCE + 1,
    saw: `${answered} of ${asked} queries of a second were answered (asked for: ${perSecond})`,
    values: { askedPerSecond: asked, answeredPerSecond: answered },
  };
}

async function refuseBefore({ pods, server, perSecond }: DnsOverloadUndo, context: FaultContext): Promise<void> {
  for (let looks = 1; ; looks += 1) {
    const bursts = await askFrom(context, pods, server, perSecond);
    const other = bursts.find(({ asksCluster }) => !asksCluster);
    if (other !== undefined) {
      throw new FaultlineError("fault", `${other.pod} does not ask the cluster's DNS at ${server}`, {
        fix: "choose pods with dnsPolicy ClusterFirst",
      });
    }
    const slow = bursts.find(({ asked, answered }) => asked === 0 || answered < asked * NEARLY_ALL);
    if (slow === undefined) return;
    if (looks < LOOKS) continue;
    throw new FaultlineError(
      "fault",
      `${slow.pod} gets ${slow.answered} of ${slow.asked} queries of a second answered without the fault: its effect could not be told`,
      { fix: "lower perSecond, or run it when the machine is not so busy" },
    );
  }
}
