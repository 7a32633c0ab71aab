/**
 * The metadata mock as a part of the cluster, as the ingress controller is: it is there before any pod of an experiment
 * and stays with the cluster. Each arm gets it with its own settings.
 */

import { toMs } from "../../define/duration.ts";
import { FaultlineError } from "../../errors.ts";
import type { ImdsSettings } from "../../fault-specs.ts";
import type { Duration } from "../../types.ts";
import { DEFAULTS, type Settings } from "../imds-server/settings.ts";
import type { ClusterHandle } from "../provider.ts";
import { waitFor } from "../wait.ts";
import { IMDS, IMDS_IMAGE } from "./address.ts";
import { claimAddress, isClaimed } from "./claim.ts";
import { imdsManifests, settingsManifest } from "./manifests.ts";
import { isImdsInstalled, readMocks } from "./mocks.ts";

const READY_TIMEOUT_MS = 120_000;

/** Claims the address, then brings up the mock and waits for it. Right if all of it is there already. */
export async function installImds(cluster: ClusterHandle): Promise<void> {
  const [nodes, images] = await Promise.all([cluster.nodes(), cluster.loadImages([IMDS_IMAGE])]);
  const image = images[IMDS_IMAGE.name];
  if (image === undefined) throw new FaultlineError("internal", `no reference for image ${IMDS_IMAGE.name}`);
  await Promise.all(nodes.map(claimAddress));
  for (const manifest of imdsManifests(image)) await cluster.kube.apply(manifest);
  await Promise.all([IMDS.name, IMDS.canary].map(async (name) => untilReady(cluster, name)));
  await setImds(cluster, "installed", {});
}

/**
 * Gives all mocks these settings and waits until they are in force. What was issued before is not handed out any more.
 * @param id another one than before.
 */
export async function setImds(cluster: Pick<ClusterHandle, "kube">, id: string, given: ImdsSettings): Promise<void> {
  await cluster.kube.apply(settingsManifest(id, JSON.stringify(mockSettings(given))));
  await waitFor({
    what: `all metadata mocks to have the settings ${id}`,
    timeoutMs: READY_TIMEOUT_MS,
    everyMs: 50,
    probe: async () => {
      const mocks = await readMocks(cluster);
      const others = mocks.filter((one) => one.settingsVersion !== id || !one.listening || one.pods === null);
      if (others.length === 0) return { done: true, value: undefined };
      const saw = others.map((one) => `${one.node}: ${one.settingsProblem ?? `settings ${one.settingsVersion}`}`);
      return { done: false, saw: saw.join("; ") };
    },
  });
}

/** null: it is installed, and every node has the address. */
export async function missingImds(cluster: ClusterHandle): Promise<string | null> {
  if (!(await isImdsInstalled(cluster))) {
    return 'there is no metadata mock; set cluster.imds to "mock". To bring one up for the fault alone was considered: pods that run already have asked before, and their calls may have left the cluster';
  }
  const nodes = await cluster.nodes();
  const claimed = await Promise.all(nodes.map(isClaimed));
  const without = nodes.filter((_, i) => claimed[i] === false).map(({ name }) => name);
  return without.length === 0 ? null : `${without.join(", ")} lost the address of the metadata service`;
}

/** From the words of a definition to those of the mock. */
export function mockSettings(given: ImdsSettings): Settings {
  const ms = (text: Duration | undefined, otherwise: number) => (text === undefined ? otherwise : toMs(text));
  const roles = given.roles ?? DEFAULTS.roles;
  return {
    roles,
    defaultRole: given.defaultRole ?? (roles === "node" ? DEFAULTS.defaultRole : null),
    lookupMaxIntervalMs: ms(given.lookup?.maxInterval, DEFAULTS.lookupMaxIntervalMs),
    lookupMaxElapsedMs: ms(given.lookup?.maxElapsed, DEFAULTS.lookupMaxElapsedMs),
    tokens: given.tokens ?? DEFAULTS.tokens,
    hopLimit: given.hopLimit ?? DEFAULTS.hopLimit,
    lifetimeMs: ms(given.lifetime, DEFAULTS.lifetimeMs),
    refreshBeforeMs: ms(given.refreshBefore, DEFAULTS.refreshBeforeMs),
    remainingMs: given.remaining === undefined ? null : toMs(given.remaining),
    latencyMs: ms(given.latency, DEFAULTS.latencyMs),
  };
}

async function untilReady({ kube }: Pick<ClusterHandle, "kube">, name: string): Promise<void> {
  const ref = { apiVersion: "apps/v1", kind: "DaemonSet", namespace: IMDS.namespace, name };
  await waitFor({
    what: `DaemonSet ${IMDS.namespace}/${name} ready`,
    timeoutMs: READY_TIMEOUT_MS,
    everyMs: 200,
    probe: async () => {
      const found = await kube.get(ref);
      const { observedGeneration, desiredNumberScheduled, numberReady, updatedNumberScheduled } = found?.status ?? {};
      const current =
        observedGeneration === found?.metadata.generation && updatedNumberScheduled === desiredNumberScheduled;
      return current && desiredNumberScheduled > 0 && numberReady === desiredNumberScheduled
        ? { done: true, value: undefined }
        : { done: false, saw: `${numberReady ?? 0} of ${desiredNumberScheduled ?? "?"} ready` };
    },
  });
}
