/** What the faults between chosen clients and the API server share. */

import type { PodTargets } from "../../fault-specs.ts";
import type { FaultSpec } from "../../types.ts";
import { AGENT_IMAGE, setAgent } from "../agent/pod.ts";
import { freeNetworks, putRules, removeRules, renewRules, rulesByHand, rulesLeft } from "../agent/redirect.ts";
import { type Rule, toAddresses } from "../agent/rules.ts";
import type { ApiMode } from "../agent-image/api-settings.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";
import { choosePods } from "../targets.ts";
import { apiServerAddresses } from "./addresses.ts";
import {
  API_WORDS,
  endConnections,
  endInterception,
  type Interception,
  intercept,
  renewInterception,
  startApiProxy,
} from "./intercept.ts";
import { type ApiEffect, apiFindingOf, askFromPods } from "./reading.ts";
import { removeWatcher, watcherToken } from "./watcher.ts";

export type ApiUndo = Interception & {
  readonly effect: ApiEffect;
  readonly latencyMs: number;
};
type ApiSpec = FaultSpec & { readonly clients: PodTargets };

/** What gets no answer is waited for no longer. */
const SILENCE_MS = 2_000;
const ANSWER_MS = 10_000;
/** Two of the effects need no proxy: the kernel refuses, or says nothing. */
const BY_KERNEL: Partial<Record<ApiEffect, string>> = { refused: "REJECT --reject-with tcp-reset", silent: "DROP" };

export interface ApiKind<Spec extends ApiSpec> {
  readonly kind: Spec["kind"];
  readonly drawAs: Fault["drawAs"];
  readonly validate: (spec: Spec) => ReturnType<Fault["validate"]>;
  readonly effectOf: (spec: Spec) => { readonly effect: ApiEffect; readonly latencyMs: number };
}

export function apiFault<Spec extends ApiSpec>(of: ApiKind<Spec>): Fault<Spec, ApiUndo> {
  return {
    kind: of.kind,
    needs: ["node-exec", "iptables", "certificate-signing"],
    oneShot: false,
    images: [AGENT_IMAGE],
    drawAs: of.drawAs,
    validate: of.validate,

    async prepare(spec, context) {
      const undo: ApiUndo = {
        id: faultName("api", context.runId, context.faultId),
        ...of.effectOf(spec),
        clients: await choosePods(context, spec.clients),
        apiServer: await apiServerAddresses(context.cluster.kube),
      };
      await freeNetworks(context, undo.clients, undo.id, API_WORDS);
      return undo;
    },

    async inject(undo, context, leaseMs) {
      if (undo.clients.length === 0) return;
      const rules = kernelRules(undo);
      if (rules.length > 0) {
        const begin = endConnections(undo.apiServer);
        await putRules(context, { id: undo.id, rules, begin, settle: "" }, undo.clients, leaseMs);
        return;
      }
      const ip = await startApiProxy(undo, context);
      await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      await intercept(undo, context, ip, leaseMs, "at-once");
    },

    async renew(undo, context, leaseMs) {
      if (undo.clients.length === 0) return;
      if (kernelRules(undo).length > 0) await renewRules(context, undo.id, undo.clients, leaseMs);
      else await renewInterception(undo, context, settingsOf(undo), leaseMs);
    },

    verifyEffective: async (undo, context) => evidenceOf(await findings(undo, context), "all"),

    async revert(undo, context) {
      if (kernelRules(undo).length > 0) await removeRules(context, { id: undo.id, settle: "" });
      else await endInterception(undo, context);
    },

    async verifyReverted(undo, context) {
      const rules = await rulesLeft(context, undo.id);
      const found = await findings(undo, context);
      await removeWatcher(context, undo.id);
      const { effective, because, values } = evidenceOf(found, "any");
      const seen = found.length === 0 ? "none of its clients is there any more" : because;
      return {
        effective: effective || rules > 0,
        because: `${rules} rules are left; ${seen}`,
        values: { ...values, rules },
      };
    },

    byHand: ({ id, clients }) => rulesByHand(id, clients),
  };
}

const kernelRules = ({ effect, apiServer }: ApiUndo): readonly Rule[] =>
  BY_KERNEL[effect] === undefined ? [] : toAddresses("filter", apiServer, BY_KERNEL[effect]);

/** Only asked for where the effect is one of the proxy's. */
const settingsOf = ({ effect, latencyMs }: ApiUndo) => ({ mode: effect as ApiMode, lagMs: latencyMs });

async function findings(undo: ApiUndo, context: FaultContext): Promise<readonly Finding[]> {
  const { effect, latencyMs, apiServer, clients, id } = undo;
  const waitMs = effect === "silent" ? SILENCE_MS : latencyMs + ANSWER_MS;
  const watchToken = effect === "watches-stalled" ? { watchToken: await watcherToken(context, id) } : {};
  const readings = await askFromPods(context, clients, { address: apiServer[0] ?? "", waitMs, ...watchToken });
  return readings.map((reading) => apiFindingOf(reading, effect, latencyMs, waitMs));
}
