/** Clusters in containers of this machine, made by kind: the provider. */
import { FaultlineError } from "../errors.ts";
import { nodeContainers } from "./docker.ts";
import { checkFits } from "./fits.ts";
import { freePorts } from "./free-port.ts";
import { collectGarbage } from "./gc.ts";
import {
  attachHandle,
  createHandle,
  finishCluster,
  installIngressEarly,
  publishedIngress,
  reachHandle,
} from "./handle.ts";
import { type HostTraits, readHostTraits } from "./host-traits.ts";
import { bakeNodeImage } from "./images/bake.ts";
import { buildImages } from "./images/build.ts";
import { ensureLocalImage } from "./images/pull.ts";
import { IMDS_IMAGE } from "./imds/address.ts";
import { failedToBoot, kindCreate, removeNodes } from "./kind-create.ts";
import { lockName } from "./name-lock.ts";
import { checkClusterName } from "./names.ts";
import { ensureNetwork, networkOf, removeUnusedNetworks } from "./network.ts";
import { reservedForCap } from "./node-limits.ts";
import { processToken } from "./owner.ts";
import { kubeconfigPath } from "./paths.ts";
import type { ClusterHandle, ClusterProvider, ClusterSummary, UpRequest } from "./provider.ts";
import { type ClusterRecord, listRecords, readRecord, removeClusterFolder, writeRecord } from "./record.ts";
import { type SetupState, setupState } from "./setup/index.ts";
import { type KindConfig, kindConfigOf, readTopology } from "./topology.ts";
import { topologySettings } from "./topology-settings.ts";

export const kindProvider: ClusterProvider = { up, attach, reach, list, down, gc: collectGarbage };

async function up(request: UpRequest): Promise<ClusterHandle> {
  checkClusterName(request.name);
  const release = await lockName(request.name);
  try {
    await refuseTakenName(request.name);
    return await create(request, await setupState());
  } finally {
    await release();
  }
}

/** @throws FaultlineError `not-ours` or `cluster` when a cluster of that name exists. */
async function refuseTakenName(name: string): Promise<void> {
  const containers = await nodeContainers(name);
  if (containers.length === 0) return;
  if (containers.some(({ ours }) => !ours)) throw notOurs(name);
  throw new FaultlineError("cluster", `cluster ${name} exists already`, {
    fix: `Use it (--cluster ${name}), or remove it first: faultline cluster down ${name}.`,
  });
}

function notOurs(name: string): FaultlineError {
  return new FaultlineError("not-ours", `a kind cluster ${name} exists that faultline did not make`, {
    fix: "Choose another name; what is not ours is neither used nor removed.",
  });
}

async function create(request: UpRequest, setup: SetupState): Promise<ClusterHandle> {
  const { name, spec } = request;
  // What is wrong with the request comes to light before anything is made.
  const [topology, host] = await Promise.all([readTopology(spec.topology), readHostTraits()]);
  reservedForCap(host, spec.nodeLimits);
  const record: ClusterRecord = {
    schemaVersion: 1,
    name,
    state: "creating",
    createdAt: new Date().toISOString(),
    owner: processToken(),
    keep: request.keep ?? false,
    topology: spec.topology,
    network: networkOf(spec.egress ?? "rejected").name,
    settings: topologySettings(topology, spec.nodeLimits),
  };
  // The record first: it keeps others from removing the network before the first node is on it.
  await writeRecord(record);
  try {
    const handle = await boot(request, setup, topology, host);
    await writeRecord({ ...record, state: "ready" });
    return handle;
  } catch (error) {
    await removeClusterFolder(name);
    await removeUnusedNetworks(await networksInCreation(), setup.nodeImage);
    throw error;
  }
}

async function boot(
  request: UpRequest,
  setup: SetupState,
  topology: KindConfig,
  host: HostTraits,
): Promise<ClusterHandle> {
  const { name, spec, onProgress } = request;
  const egress = spec.egress ?? "rejected";
  const kubeconfig = kubeconfigPath(name);
  const nodeImage = await prepareNodeImage(request, setup);
  const network = await ensureNetwork(egress, setup.nodeImage);
  const choices = {
    ...{ name, nodeImage, host, quickBoot: true },
    ...{ imageFromPackages: setup.surroundings === "packages" && spec.nodeImage === undefined },
    ...(spec.nodeLimits === undefined ? {} : { nodeLimits: spec.nodeLimits }),
  };
  let published: number | null = null;
  const config = async () => {
    const [ingressPort = 0, apiServerPort = 0] = await freePorts(name, 2);
    published = ingressPort;
    return kindConfigOf(topology, { ...choices, ingressPort, apiServerPort });
  };
  const signal = request.signal === undefined ? {} : { signal: request.signal };
  let early: Promise<boolean> = Promise.resolve(false);
  const onControlPlane = () => {
    if (spec.ingress !== undefined) early = installIngressEarly(name, setup);
  };
  const creation = { kindBinary: setup.kindBinary, name, config, kubeconfig, network, ...signal, onProgress };
  await kindCreate({ ...creation, onControlPlane });
  try {
    // kind makes a network that is missing, and one of kind's has no rule: if ours was removed meanwhile this refuses it.
    await ensureNetwork(egress, setup.nodeImage);
    const handle = createHandle({
      name,
      kubeconfig,
      setup,
      ingressPort: spec.ingress === undefined ? null : published,
      settings: topologySettings(topology, spec.nodeLimits),
    });
    await finishCluster(handle, spec, setup, { ...request, ingressInstalled: await early });
    return handle;
  } catch (error) {
    throw await failedToBoot(creation, error);
  }
}

/** The node image with everything inside that this run is known to need. */
async function prepareNodeImage(request: UpRequest, setup: SetupState): Promise<string> {
  const base = request.spec.nodeImage ?? setup.nodeImage;
  await ensureLocalImage(base, request.onProgress);
  const ingress = request.spec.ingress === undefined ? [] : [setup.traefikImage];
  const imds = request.spec.imds === undefined ? [] : [IMDS_IMAGE];
  // Two steps, because the first changes rarely and the second with every change of a sample.
  const [prepared, samples] = await Promise.all([
    bakeNodeImage(base, ingress, request.onProgress),
    buildImages([...request.images, ...imds], setup, request.onProgress),
  ]);
  const references = [...new Set(Object.values(samples))].sort();
  return references.length === 0 ? prepared : await bakeNodeImage(prepared, references, request.onProgress);
}

/** Networks whose cluster has no container yet. */
async function networksInCreation(): Promise<ReadonlySet<string>> {
  const records = await listRecords();
  return new Set(records.filter(({ state }) => state === "creating").map(({ network }) => network));
}

async function attach(request: UpRequest): Promise<ClusterHandle> {
  checkClusterName(request.name);
  const { name, spec } = request;
  const containers = await nodeContainers(name);
  if (containers.length === 0) {
    throw new FaultlineError("cluster", `there is no cluster ${name}`, {
      fix: `faultline cluster up ${name}, or faultline cluster list for those that are there.`,
    });
  }
  if (containers.some(({ ours }) => !ours)) throw notOurs(name);
  const stopped = containers.filter(({ running }) => !running).map((container) => container.name);
  if (stopped.length > 0) {
    throw new FaultlineError("cluster", `cluster ${name}: ${stopped.join(", ")} not running`, {
      fix: `A fault that a run left is undone within half a minute: try again then. Otherwise faultline cluster down ${name}, then up: nodes may get new addresses when they start again.`,
    });
  }
  const [setup, record] = await Promise.all([setupState(), readRecord(name)]);
  await checkFits(name, spec, record, containers.filter(({ role }) => role === "worker").length);
  // The rule does not outlive a restart of the machine, the network does.
  if (record !== null)
    await ensureNetwork(record.network === networkOf("allowed").name ? "allowed" : "rejected", setup.nodeImage);
  return await attachHandle(request, setup, record?.settings ?? {});
}

async function reach(name: string): Promise<ClusterHandle | null> {
  checkClusterName(name);
  const containers = await nodeContainers(name);
  if (containers.some(({ ours }) => !ours)) throw notOurs(name);
  return containers.length === 0 ? null : await reachHandle(name, await setupState());
}

async function list(): Promise<readonly ClusterSummary[]> {
  const containers = (await nodeContainers()).filter(({ ours }) => ours);
  const names = [...new Set(containers.map(({ cluster }) => cluster))].sort();
  return await Promise.all(
    names.map(async (name) => {
      const nodes = containers.filter(({ cluster }) => cluster === name);
      const record = await readRecord(name);
      return {
        name,
        nodes: nodes.filter(({ role }) => role !== "load-balancer").length,
        createdAt: record?.createdAt ?? nodes[0]?.createdAt ?? "",
        running: nodes.every(({ running }) => running),
        ingressUrl: await publishedIngress(name),
        kubeconfig: kubeconfigPath(name),
      };
    }),
  );
}

async function down(name: string, onProgress: (line: string) => void): Promise<void> {
  checkClusterName(name);
  const release = await lockName(name);
  try {
    const containers = await nodeContainers(name);
    if (containers.some(({ ours }) => !ours)) throw notOurs(name);
    if (containers.length > 0) onProgress(`removing ${containers.length} nodes of ${name}`);
    await removeNodes(name);
    await removeClusterFolder(name);
    for (const removed of await removeUnusedNetworks(await networksInCreation(), await helperImage())) {
      onProgress(`removed ${removed}`);
    }
  } finally {
    await release();
  }
}

/** Removing must work on a machine whose setup is gone. */
const helperImage = () =>
  setupState()
    .then(({ nodeImage }) => nodeImage)
    .catch(() => undefined);
