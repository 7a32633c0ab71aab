/** A cluster as the rest of the harness holds it, and what brings a booted one to the point where it can be used. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterSpec } from "../types.ts";
import { asksFromHost, keepLookupsInside } from "./dns.ts";
import { publishedPort } from "./docker.ts";
import { exec } from "./exec.ts";
import { buildImages } from "./images/build.ts";
import { loadOntoNodes } from "./images/load.ts";
import { installImds } from "./imds/install.ts";
import { INGRESS, traefikManifests, waitForIngress } from "./ingress/traefik.ts";
import { connect, type Kube } from "./kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "./labels.ts";
import { nodeHandles } from "./node.ts";
import { capNodes } from "./node-limits.ts";
import { clusterFolder, kubeconfigPath } from "./paths.ts";
import type { ClusterHandle, UpRequest } from "./provider.ts";
import type { SetupState } from "./setup/index.ts";
import type { ClusterSettings } from "./topology-settings.ts";
import { waitFor } from "./wait.ts";

const READY_TIMEOUT_MS = 180_000;

interface HandleParts {
  readonly name: string;
  readonly kubeconfig: string;
  readonly setup: SetupState;
  /** On 127.0.0.1; null where no ingress controller is installed. */
  readonly ingressPort: number | null;
  readonly settings: ClusterSettings;
}

export function createHandle(parts: HandleParts, created = true): ClusterHandle {
  const { name, kubeconfig, setup, ingressPort, settings } = parts;
  return {
    name,
    kubeconfig,
    kube: connect(kubeconfig),
    ingressUrl: ingressPort === null ? null : urlOf(ingressPort),
    created,
    settings,
    nodes: () => nodeHandles(name),
    loadImages: async (images) => {
      const references = await buildImages(images, setup, () => {});
      const nodes = await nodeHandles(name);
      await loadOntoNodes(
        nodes.map((node) => node.name),
        [...new Set(Object.values(references))],
      );
      return references;
    },
  };
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`;

/** Where the ingress controller of a cluster can be reached, whether or not one is installed. */
export async function publishedIngress(name: string): Promise<string | null> {
  const port = await publishedPort(`${name}-control-plane`, INGRESS.hostPort);
  return port === null ? null : urlOf(port);
}

/** A handle of a cluster as it stands. */
export async function reachHandle(name: string, setup: SetupState): Promise<ClusterHandle> {
  const kubeconfig = await ownKubeconfig(name, setup);
  const port = await publishedPort(`${name}-control-plane`, INGRESS.hostPort);
  const installed = await connect(kubeconfig)
    .get(INGRESS_DEPLOYMENT)
    .catch(() => null);
  const ingressPort = installed === null ? null : port;
  return createHandle({ name, kubeconfig, setup, ingressPort, settings: {} }, false);
}

/** A handle of a running cluster; installs the ingress controller when it is wanted and missing. */
export async function attachHandle(
  request: UpRequest,
  setup: SetupState,
  settings: ClusterSettings,
): Promise<ClusterHandle> {
  const { name, spec } = request;
  const kubeconfig = await ownKubeconfig(name, setup);
  const port = await publishedPort(`${name}-control-plane`, INGRESS.hostPort);
  const installed = (await connect(kubeconfig).get(INGRESS_DEPLOYMENT)) !== null;
  const wanted = spec.ingress !== undefined;
  const ingressPort = installed || wanted ? port : null;
  const handle = createHandle({ name, kubeconfig, setup, ingressPort, settings }, false);
  if (wanted && !installed) {
    request.onProgress("installing the ingress controller");
    const nodes = await handle.nodes();
    const controlPlane = nodes.filter(({ role }) => role === "control-plane").map((node) => node.name);
    await loadOntoNodes(controlPlane, [setup.traefikImage]);
    await installIngress(handle.kube, setup);
  }
  if (wanted) await waitForIngress(handle, { timeoutMs: READY_TIMEOUT_MS });
  if (spec.imds !== undefined) {
    request.onProgress("bringing up the metadata mock");
    await installImds(handle);
  }
  return handle;
}

const INGRESS_DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  namespace: INGRESS.namespace,
  name: INGRESS.name,
} as const;

/** The file of the cluster's folder, written anew from the cluster where the folder was lost. */
async function ownKubeconfig(name: string, setup: SetupState): Promise<string> {
  const path = kubeconfigPath(name);
  const there = await readFile(path).then(
    () => true,
    () => false,
  );
  if (there) return path;
  const { stdout } = await exec(setup.kindBinary, ["get", "kubeconfig", "--name", name], { timeoutMs: 30_000 });
  await writeFile(path, stdout, { mode: 0o600 });
  return path;
}

/** After boot: caps, our namespace, the ingress controller, and the wait until all of it is ready. Side by side. */
export async function finishCluster(
  handle: ClusterHandle,
  spec: ClusterSpec,
  setup: SetupState,
  request: Pick<UpRequest, "signal" | "onProgress"> & { readonly ingressInstalled: boolean },
): Promise<void> {
  const nodes = await handle.nodes();
  const workers = nodes.filter(({ role }) => role === "worker").map((node) => node.name);
  const wantsIngress = spec.ingress !== undefined;
  await Promise.all([
    capNodes(workers, spec.nodeLimits),
    handle.kube.apply({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: SYSTEM_NAMESPACE, labels: { [LABEL_OWNER]: OWNER } },
    }),
    wantsIngress && !request.ingressInstalled ? installIngress(handle.kube, setup) : null,
    spec.egress === "allowed" ? null : stopHostLookups(handle),
    nodesReady(handle.kube, nodes.length, request.signal),
  ]);
  request.onProgress(`${nodes.length} nodes Ready`);
  const imds = async () => {
    if (spec.imds === undefined) return;
    await installImds(handle);
    request.onProgress("metadata mock ready on every node");
  };
  const ingress = async () => {
    if (!wantsIngress) return;
    await waitForIngress(handle, { timeoutMs: READY_TIMEOUT_MS });
    request.onProgress(`ingress controller ready at ${handle.ingressUrl}`);
  };
  await Promise.all([imds(), ingress()]);
}

/**
 * Installs the ingress controller on the control plane while the workers are still joining.
 * @returns false where that did not work; it is then installed afterwards.
 */
export async function installIngressEarly(name: string, setup: SetupState): Promise<boolean> {
  const file = join(clusterFolder(name), "kubeconfig.early");
  try {
    const { stdout } = await exec(setup.kindBinary, ["get", "kubeconfig", "--name", name], { timeoutMs: 30_000 });
    await writeFile(file, stdout, { mode: 0o600 });
    const kube = connect(file);
    await installIngress(kube, setup);
    kube.close();
    return true;
  } catch {
    return false;
  } finally {
    await rm(file, { force: true });
  }
}

async function stopHostLookups(handle: ClusterHandle): Promise<void> {
  const controlPlane = (await handle.nodes()).find(({ role }) => role === "control-plane");
  const resolvConf = await controlPlane?.exec(["cat", "/etc/resolv.conf"], { timeoutMs: 30_000 });
  if (resolvConf !== undefined && asksFromHost(resolvConf.stdout)) await keepLookupsInside(handle.kube);
}

async function installIngress(kube: Kube, setup: SetupState): Promise<void> {
  for (const manifest of traefikManifests({ image: setup.traefikImage })) await kube.apply(manifest);
}

async function nodesReady(kube: Kube, count: number, signal: AbortSignal | undefined): Promise<void> {
  await waitFor({
    what: `${count} nodes Ready`,
    timeoutMs: READY_TIMEOUT_MS,
    everyMs: 200,
    ...(signal === undefined ? {} : { signal }),
    probe: async () => {
      const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
      const notReady = nodes.flatMap((node) => {
        const ready = node.status?.conditions?.find((row: { type: string }) => row.type === "Ready");
        return ready?.status === "True" ? [] : [`${node.metadata.name}: ${ready?.message ?? "no condition yet"}`];
      });
      if (notReady.length === 0 && nodes.length === count) return { done: true, value: undefined };
      return { done: false, saw: `${nodes.length - notReady.length} (${notReady.join("; ")})` };
    },
  });
}
