/**
 * Endpoint changes reach an ingress controller late by a set time, whatever controller it is and without the application
 * knowing: inside the controller pod's network namespace, its connections to the API server are redirected to a proxy
 * that holds back answers about endpoints.
 *
 * Needs a node whose pods' network namespaces can be entered. Controllers on the host's network share theirs with the
 * kubelet and are refused.
 */
import { INGRESS } from "../cluster/ingress/traefik.ts";
import { SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { EndpointLagFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import {
  AGENT_IMAGE,
  ensureSystemNamespace,
  PROXY_PORT,
  resetClients,
  setLag,
  startAgent,
} from "./endpoint-lag/agent.ts";
import { type Canary, measureLag, nudgeWatches, removeCanary, THROTTLE_MS } from "./endpoint-lag/canary.ts";
import { servingCertificate } from "./endpoint-lag/certificate.ts";
import { bypassRules, findRules, idsIn, podNetwork, redirectRules, type Target } from "./endpoint-lag/redirect.ts";
import { apiServerAddresses, certificateNames, controllerPods, ingressClassOf } from "./endpoint-lag/targets.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName, labelsOf, metadataOf } from "./names.ts";

export type EndpointLagUndo = {
  readonly id: string;
  readonly lagMs: number;
  readonly controllers: readonly Target[];
  /** Where a controller may reach the API server: the service's address and the real ones, `ip:port`. */
  readonly apiServer: readonly string[];
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
    const controllers = await controllerPods(context, controller);
    await refuseForeignRules(context, controllers, id);
    return {
      id,
      lagMs: toMs(spec.lag),
      controllers,
      apiServer: await apiServerAddresses(context.cluster.kube),
      ingressClass: await ingressClassOf(context.cluster.kube, spec.controller === undefined),
    };
  },

  async inject(undo, context, leaseMs) {
    const [proxyIp, baseline] = await Promise.all([
      startProxy(undo, context),
      measureLag(context, canaryOf(undo), THROTTLE_MS),
    ]);
    context.log(`endpoint lag before: ${Math.round(baseline.lagMs)} ms`);
    await setLag(context, undo.id, { lagMs: undo.lagMs, leaseMs });
    for (const network of await networksOf(undo, context)) {
      // A retry after half an inject must not stack the rules.
      const { count } = findRules(await network.rules(), undo.id);
      if (count === 0) await network.restore(redirectRules(undo.id, undo.apiServer, `${proxyIp}:${PROXY_PORT}`));
    }
    await untilInSync(undo, context, leaseMs);
  },

  async renew(undo, context, leaseMs) {
    await setLag(context, undo.id, { lagMs: undo.lagMs, leaseMs });
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

  async revert(undo, context) {
    const networks = await networksOf(undo, context);
    for (const network of networks) {
      const found = findRules(await network.rules(), undo.id, "filter");
      if (found.count > 0) await network.restore(bypassRules(undo.id, undo.apiServer) + found.removal);
    }
    const wereReset = await resetClients(context, undo.id);
    for (const network of networks) {
      const found = findRules(await network.rules(), undo.id);
      if (found.count === 0) continue;
      // A dead proxy tells nobody: connections to it would hang until their keep-alive gives up.
      if (!wereReset) await network.endConnections(undo.apiServer);
      await network.restore(found.removal);
    }
    await removeProxy(undo, context);
  },

  async verifyReverted(undo, context): Promise<Evidence> {
    try {
      const rules = await rulesLeft(undo, context);
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
  node: undo.controllers[0]?.node ?? "",
  ingressClass: undo.ingressClass,
});

async function networksOf(undo: EndpointLagUndo, context: FaultContext) {
  const nodes = await context.cluster.nodes();
  const found = await Promise.all(undo.controllers.map((target) => podNetwork(nodes, target)));
  return found.filter((network) => network !== null);
}

async function rulesLeft(undo: EndpointLagUndo, context: FaultContext): Promise<number> {
  const networks = await networksOf(undo, context);
  const counts = await Promise.all(networks.map(async (network) => findRules(await network.rules(), undo.id).count));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function startProxy(undo: EndpointLagUndo, context: FaultContext): Promise<string> {
  const { kube } = context.cluster;
  const certificate = await servingCertificate(kube, {
    id: undo.id,
    names: certificateNames(undo.apiServer),
    labels: labelsOf(undo.id, context.runId),
    // The arm's own limit is far below; the cluster signs for at most what it allows.
    lifeSeconds: 24 * 3_600,
    signal: context.signal,
  });
  await ensureSystemNamespace(kube);
  await kube.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(undo.id, undo.id, context.runId),
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": certificate.certificatePem, "tls.key": certificate.keyPem },
  });
  const node = undo.controllers[0]?.node ?? "";
  return startAgent(context, { name: undo.id, id: undo.id, role: "proxy", node, secret: undo.id });
}

/** The controller watches through the proxy, and what it got first was delivered. */
async function untilInSync(undo: EndpointLagUndo, context: FaultContext, leaseMs: number): Promise<void> {
  await waitFor({
    what: "the ingress controller watches endpoints through the proxy",
    timeoutMs: context.budgetMs,
    everyMs: 250,
    signal: context.signal,
    probe: async () => {
      const status = await setLag(context, undo.id, { lagMs: undo.lagMs, leaseMs });
      if (status.watchesInSync >= undo.controllers.length) return { done: true, value: undefined };
      if (status.openWatches < undo.controllers.length) await nudgeWatches(context, canaryOf(undo));
      return { done: false, saw: JSON.stringify(status) };
    },
  });
}

async function removeProxy(undo: EndpointLagUndo, context: FaultContext): Promise<void> {
  const { kube } = context.cluster;
  const named = { namespace: SYSTEM_NAMESPACE, name: undo.id };
  // It has let its clients go, and nobody waits for its last words.
  await kube.delete({ apiVersion: "v1", kind: "Pod", ...named }, { gracePeriodSeconds: 0 });
  await kube.delete({ apiVersion: "v1", kind: "Secret", ...named });
  await kube.delete({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", name: undo.id });
}

async function refuseForeignRules(context: FaultContext, controllers: readonly Target[], id: string): Promise<void> {
  const nodes = await context.cluster.nodes();
  for (const target of controllers) {
    const network = await podNetwork(nodes, target);
    if (network === null) {
      throw new FaultlineError("fault", `${target.namespace}/${target.name}: its network namespace cannot be entered`, {
        fix: "use a cluster whose nodes the harness can run programs on, such as kind",
      });
    }
    const foreign = idsIn(await network.rules()).filter((one) => one !== id);
    if (foreign.length > 0) {
      throw new FaultlineError(
        "fault",
        `${target.namespace}/${target.name} is lagged already by ${foreign.join(", ")}`,
        {
          fix: "run `faultline revert` to end what an earlier run left",
          context: { ids: foreign },
        },
      );
    }
  }
}
