/** From a topology file to the kind config of one cluster. Reading apart, everything here is pure. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { FaultlineError, messageOf } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";
import type { HostTraits } from "./host-traits.ts";
import { INGRESS } from "./ingress/traefik.ts";
import { reservedForCap } from "./node-limits.ts";

export interface KindNode {
  readonly role: "control-plane" | "worker";
  readonly extraPortMappings?: readonly object[];
  readonly extraMounts?: readonly { readonly hostPath: string }[];
  readonly kubeadmConfigPatchesJSON6902?: readonly Json6902Patch[];
  readonly [key: string]: unknown;
}
export interface KindConfig {
  readonly kind: "Cluster";
  readonly apiVersion: string;
  readonly nodes: readonly KindNode[];
  readonly kubeadmConfigPatches?: readonly string[];
  readonly kubeadmConfigPatchesJSON6902?: readonly Json6902Patch[];
  readonly containerdConfigPatches?: readonly string[];
  readonly [key: string]: unknown;
}
interface Json6902Patch {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly patch: string;
}

export interface ClusterChoices {
  readonly name: string;
  readonly nodeImage: string;
  /** On 127.0.0.1; leads to the ingress controller's port of the control plane. */
  readonly ingressPort: number;
  /** On 127.0.0.1; leads to the API server. kind would take one that a client's connection may hold a moment later. */
  readonly apiServerPort: number;
  readonly host: HostTraits;
  /** Node images built by setup carry containerd's setting for hosts without CAP_SYS_RESOURCE already. */
  readonly imageFromPackages: boolean;
  /** Boots a few seconds faster; nothing of what runs afterwards is different. */
  readonly quickBoot: boolean;
  readonly nodeLimits?: ClusterSpec["nodeLimits"];
}

const FOLDER = new URL("../../kind-config/", import.meta.url);

/**
 * Reads a topology by the name of a file in `kind-config/`, or by a path to any kind config.
 * @throws FaultlineError `usage` when there is none or it is no kind config.
 */
export async function readTopology(topology: string): Promise<KindConfig> {
  const isPath = topology.includes("/") || /\.ya?ml$/.test(topology);
  const file = isPath ? topology : fileURLToPath(new URL(`${topology}.yaml`, FOLDER));
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new FaultlineError("usage", `topology ${topology}: ${file} cannot be read: ${messageOf(cause)}`, {
      fix: "Name a file of kind-config/ without its ending (two-workers, three-workers, three-workers-packing) or a path to a kind config.",
      cause,
    });
  });
  return withMounts(checkedTopology(file, text), dirname(file));
}

/** What a topology mounts lies beside its file; kind would look for it where the command was called. */
function withMounts(topology: KindConfig, folder: string): KindConfig {
  const nodes = topology.nodes.map((node) => {
    if (node.extraMounts === undefined) return node;
    const extraMounts = node.extraMounts.map((mount) => ({ ...mount, hostPath: resolve(folder, `${mount.hostPath}`) }));
    return { ...node, extraMounts };
  });
  return { ...topology, nodes };
}

/** @throws FaultlineError `usage` that names the file and what is wrong with it. */
export function checkedTopology(file: string, text: string): KindConfig {
  const wrong = (why: string) =>
    new FaultlineError("usage", `topology ${file}: ${why}`, { fix: "See kind-config/two-workers.yaml for the form." });
  let config: Partial<KindConfig> | null;
  try {
    config = parse(text) as Partial<KindConfig> | null;
  } catch (error) {
    throw wrong(`no YAML: ${messageOf(error)}`);
  }
  if (config?.kind !== "Cluster" || !String(config.apiVersion).startsWith("kind.x-k8s.io/")) {
    throw wrong("no kind config: kind must be Cluster, apiVersion kind.x-k8s.io/v1alpha4");
  }
  const nodes = config.nodes ?? [{ role: "control-plane" }];
  const controlPlanes = nodes.filter((node) => node.role === "control-plane").length;
  if (controlPlanes !== 1) {
    throw wrong(
      `${controlPlanes} control planes: clusters with other than one do not survive a restart of their nodes`,
    );
  }
  return { ...config, nodes } as KindConfig;
}

/** The kind config of one cluster, as YAML. */
export function kindConfigOf(topology: KindConfig, choices: ClusterChoices): string {
  const nodes = topology.nodes.map((node) => {
    const image = { ...node, image: choices.nodeImage };
    return node.role === "control-plane" ? withIngressPort(image, choices) : withCap(image, choices);
  });
  return stringify({
    ...topology,
    name: choices.name,
    networking: { apiServerPort: choices.apiServerPort, ...(topology.networking as object | undefined) },
    nodes,
    kubeadmConfigPatches: [...(topology.kubeadmConfigPatches ?? []), ...kubeadmPatches(choices.host)],
    kubeadmConfigPatchesJSON6902: [
      ...(topology.kubeadmConfigPatchesJSON6902 ?? []),
      ...(choices.quickBoot ? QUICK_BOOT : []),
    ],
    containerdConfigPatches: [...(topology.containerdConfigPatches ?? []), ...containerdPatches(choices)],
  });
}

/**
 * On a booting control plane the controller manager asks for its lease before its rights exist, is refused, and by
 * default asks again only seconds later; workers wait meanwhile for their certificates to be signed.
 */
const QUICK_BOOT = argumentPatches(
  "ClusterConfiguration",
  "/controllerManager/extraArgs",
  "leader-elect-retry-period",
  "500ms",
);

/** A list that is merged into lists of the same kind of document by kind itself, in this order, after the topology's own. */
function kubeadmPatches(host: HostTraits): readonly string[] {
  const kubelet = {
    kind: "KubeletConfiguration",
    // From Kubernetes 1.35 on kubelet refuses cgroup v1 unless it is told not to.
    ...(host.cgroupVersion === 1 ? { failCgroupV1: false } : {}),
    // The gate makes kubelet and kube-proxy go on where they may not set what only full root may.
    ...(host.mayLowerOomScore ? {} : { featureGates: { KubeletInUserNamespace: true } }),
  };
  const preflight = { nodeRegistration: { ignorePreflightErrors: ["SystemVerification"] } };
  return [
    ...(Object.keys(kubelet).length > 1 ? [kubelet] : []),
    ...(host.cgroupVersion === 1
      ? [
          { kind: "InitConfiguration", ...preflight },
          { kind: "JoinConfiguration", ...preflight },
        ]
      : []),
  ].map((patch) => stringify(patch));
}

function containerdPatches(choices: ClusterChoices): readonly string[] {
  if (choices.host.mayLowerOomScore || choices.imageFromPackages) return [];
  return ["[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n"];
}

function withIngressPort(node: KindNode, choices: ClusterChoices): KindNode {
  const mapping = {
    containerPort: INGRESS.hostPort,
    hostPort: choices.ingressPort,
    listenAddress: "127.0.0.1",
    protocol: "TCP",
  };
  return { ...node, extraPortMappings: [...(node.extraPortMappings ?? []), mapping] };
}

/**
 * Kubelet reads the machine's size and knows nothing of its container's cap, so the difference is reserved: what is
 * left to the scheduler is the cap.
 */
function withCap(node: KindNode, choices: ClusterChoices): KindNode {
  const reserved = reservedForCap(choices.host, choices.nodeLimits);
  if (reserved === null) return node;
  return {
    ...node,
    kubeadmConfigPatchesJSON6902: [
      ...(node.kubeadmConfigPatchesJSON6902 ?? []),
      ...argumentPatches("JoinConfiguration", "/nodeRegistration/kubeletExtraArgs", "system-reserved", reserved),
    ],
  };
}

/** One more argument of a component, in both forms of kubeadm's config; kind applies the patch that fits. */
function argumentPatches(kind: string, list: string, name: string, value: string): readonly Json6902Patch[] {
  const patch = (version: string, path: string, added: unknown): Json6902Patch => ({
    ...{ group: "kubeadm.k8s.io", version, kind },
    patch: stringify([{ op: "add", path: `${list}/${path}`, value: added }]),
  });
  return [patch("v1beta4", "-", { name, value }), patch("v1beta3", name, value)];
}
