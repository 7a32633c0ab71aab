/**
 * Endpoint changes reach an ingress controller late by a set time, whatever controller it is and without the application
 * knowing: inside the controller pod's network namespace, its connections to the API server are redirected to a proxy
 * that holds back answers about endpoints.
 *
 * Needs a node whose pods' network namespaces can be entered. Controllers on the host's network share theirs with the
 * kubelet and are refused.
 */
import { INGRESS } from "../cluster/ingress/traefik.ts";
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import type { EndpointLagFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import { AGENT_IMAGE, setAgent } from "./agent/pod.ts";
import { freeNetworks, putRules, renewRules, rulesByHand, rulesLeft } from "./agent/redirect.ts";
import type { ApiStatus } from "./agent-image/api-proxy.ts";
import type { ApiSettings } from "./agent-image/api-settings.ts";
import { apiServerAddresses } from "./apiserver/addresses.ts";
import { API_WORDS, endInterception, type Interception, interceptionOf, startApiProxy } from "./apiserver/intercept.ts";
import { type Canary, measureLag, nudgeWatches, removeCanary, THROTTLE_MS } from "./endpoint-lag/canary.ts";
import { controllerPods, ingressClassOf } from "./endpoint-lag/targets.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";

/** The clients are the controller's pods. */
export type EndpointLagUndo = Interception & {
  readonly lagMs: number;
  readonly ingressClass: string;
};

const MIN_LAG_MS = 100;
const MAX_LAG_MS = 60_000;
/** Beyond the lag: the controller's own throttle, and a busy machine. */
const TOLERANCE_MS = 3_000;
/** Measurements after a revert until the path counts as not restored. */
const CLEAN_TRIES = 5;

export const endpointLag: Fault<EndpointLagFault, EndpointLagUndo> = {
  kind: "ingress.endpoint-lag",
  needs: ["node-exec", "iptables", "certificate-signing", "ingress"],
  oneShot: false,
  images: [AGENT_IMAGE],
  drawAs: { label: "endpoint changes reach the ingress late", colour: "#56b4e9" },

  validate(spec) {
    const ms = parseDuration(String(spec.lag));
    if (ms !== null && ms >= MIN_LAG_MS && ms <= MAX_LAG_MS) return [];
    return [{ path: "lag", message: `a duration from 100ms to 60s, not ${JSON.stringify(spec.lag)}` }];
  },

  async prepare(spec, context) {
    const controller = spec.controller ?? INGRESS;
    const id = faultName("lag", context.runId, context.faultId);
    const clients = await controllerPods(context, controller);
    await freeNetworks(context, clients, id, API_WORDS);
    return {
      id,
      lagMs: toMs(spec.lag),
      clients,
      apiServer: await apiServerAddresses(context.cluster.kube),
      ingressClass: await ingressClassOf(context.cluster.kube, spec.controller === undefined),
    };
  },

  async inject(undo, context, leaseMs) {
    const [proxyIp, baseline] = await Promise.all([
      startApiProxy(undo, context),
      measureLag(context, canaryOf(undo), THROTTLE_MS),
    ]);
    context.log(`endpoint lag before: ${Math.round(baseline.lagMs)} ms`);
    await setAgent(context, undo.id, settingsOf(undo), leaseMs);
    await putRules(context, interceptionOf(undo, proxyIp, "at-next-packet"), undo.clients, leaseMs);
    await untilInSync(undo, context, leaseMs);
  },

  /** The pod's lease first: it lapses before the rules go. */
  async renew(undo, context, leaseMs) {
    await setAgent(context, undo.id, settingsOf(undo), leaseMs);
    await renewRules(context, undo.id, undo.clients, leaseMs);
  },

  async verifyEffective(undo, context): Promise<Evidence> {
    // What the controller's throttle does by itself must not pass for a small lag; a larger one it cannot reach.
    const quietMs = undo.lagMs < THROTTLE_MS * 1.5 ? THROTTLE_MS : 0;
    const { lagMs, requests } = await measureLag(context, canaryOf(undo), quietMs);
    const effective = lagMs >= 0.9 * undo.lagMs && lagMs <= undo.lagMs + TOLERANCE_MS;
    return {
      effective,
      because: `the ingress sent to a removed endpoint for ${Math.round(lagMs)} ms; the lag asked for is ${undo.lagMs} ms`,
      values: { measuredLagMs: Math.round(lagMs), askedLagMs: undo.lagMs, requests },
    };
  },

  revert: endInterception,
  byHand: ({ id, clients }) => rulesByHand(id, clients),

  async verifyReverted(undo, context): Promise<Evidence> {
    try {
      const rules = await rulesLeft(context, undo.id);
      const limitMs = Math.max(1_000, undo.lagMs / 2);
      let lagMs = Number.POSITIVE_INFINITY;
      let tries = 0;
      // A controller backs off before it connects again, longer where the proxy was dead: it is to get there, not at once.
      while (lagMs >= limitMs && tries < CLEAN_TRIES) {
        tries += 1;
        ({ lagMs } = await measureLag(context, canaryOf(undo), THROTTLE_MS));
      }
      return {
        effective: lagMs >= limitMs || rules > 0,
        because: `the ingress sent to a removed endpoint for ${Math.round(lagMs)} ms (clean below ${limitMs} ms), ${rules} rules are left`,
        values: { measuredLagMs: Math.round(lagMs), rules, tries },
      };
    } finally {
      await removeCanary(context, undo.id);
    }
  },
};

/** The canary stands on the node of the first controller pod. */
const canaryOf = (undo: EndpointLagUndo): Canary => ({
  id: undo.id,
  node: undo.clients[0]?.node ?? "",
  ingressClass: undo.ingressClass,
});

const settingsOf = ({ lagMs }: EndpointLagUndo): ApiSettings & Record<string, string | number> => ({
  mode: "endpoints-late",
  lagMs,
});

/** The controller watches through the proxy, and what it got first was delivered. */
async function untilInSync(undo: EndpointLagUndo, context: FaultContext, leaseMs: number): Promise<void> {
  await waitFor({
    what: "the ingress controller watches endpoints through the proxy",
    timeoutMs: context.budgetMs,
    everyMs: 250,
    signal: context.signal,
    probe: async () => {
      const status: ApiStatus = await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      if (status.watchesInSync >= undo.clients.length) return { done: true, value: undefined };
      if (status.openWatches < undo.clients.length) await nudgeWatches(context, canaryOf(undo));
      return { done: false, saw: JSON.stringify(status) };
    },
  });
}
