/**
 * What a topology sets beside its nodes, as rows: a report shows them, because what is measured depends on them, and a
 * cluster that was made with others is not taken for this one. Pure.
 */
import { parseAllDocuments } from "yaml";
import type { ClusterSpec } from "../types.ts";
import type { KindConfig } from "./topology.ts";

/** `kube-controller-manager node-monitor-grace-period` → `10s` */
export type ClusterSettings = Readonly<Record<string, string>>;

interface Component {
  readonly extraArgs?:
    | readonly { readonly name: string; readonly value: unknown }[]
    | Readonly<Record<string, unknown>>;
}
type Document = Readonly<Record<string, unknown>> & {
  readonly apiServer?: Component;
  readonly controllerManager?: Component;
  readonly scheduler?: Component;
};
const COMPONENTS = {
  apiServer: "kube-apiserver",
  controllerManager: "kube-controller-manager",
  scheduler: "kube-scheduler",
} as const;

export function topologySettings(topology: KindConfig, limits: ClusterSpec["nodeLimits"]): ClusterSettings {
  const ofNodes = topology.nodes.flatMap((node, i) =>
    patchRows((node.kubeadmConfigPatches ?? []) as readonly string[], `node ${i} (${node.role}) `),
  );
  return Object.fromEntries([
    ...patchRows(topology.kubeadmConfigPatches ?? [], ""),
    ...ofNodes,
    ...Object.entries((topology.featureGates ?? {}) as object).map(([gate, on]) => row(`feature gate ${gate}`, on)),
    ...Object.entries(limits ?? {}).map(([what, limit]) => row(`each worker's ${what}`, limit)),
  ]);
}

/**
 * How a cluster differs from what is wanted, as a clause; null: not at all.
 * @param had null where nobody wrote it down: then nothing is said.
 */
export function settingsDiffer(had: ClusterSettings | null, wanted: ClusterSettings): string | null {
  if (had === null) return null;
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(had)])].sort();
  const differing = names.filter((name) => had[name] !== wanted[name]);
  if (differing.length === 0) return null;
  return `was made with ${differing
    .map((name) => `${name} ${had[name] ?? "as usual"} (wanted: ${wanted[name] ?? "as usual"})`)
    .join(", ")}`;
}

type Row = readonly [string, string];

function patchRows(patches: readonly string[], prefix: string): readonly Row[] {
  const documents = patches
    .flatMap((patch) => parseAllDocuments(patch))
    .map((document) => document.toJS() as Document | null);
  return documents
    .flatMap((document) => (document === null ? [] : documentRows(document)))
    .map(([name, value]) => [`${prefix}${name}`, value]);
}

function documentRows(document: Document): readonly Row[] {
  if (document.kind === "KubeletConfiguration" || document.kind === "KubeProxyConfiguration") {
    const program = document.kind === "KubeletConfiguration" ? "kubelet" : "kube-proxy";
    return Object.entries(document)
      .filter(([key]) => key !== "kind" && key !== "apiVersion")
      .map(([key, value]) => row(`${program} ${key}`, value));
  }
  return (Object.keys(COMPONENTS) as (keyof typeof COMPONENTS)[]).flatMap((component) =>
    argumentsOf(document[component]).map(([name, value]) => row(`${COMPONENTS[component]} ${name}`, value)),
  );
}

/** A list in kubeadm's newer form, a map in the older one. */
function argumentsOf(component: Component | undefined): readonly (readonly [string, unknown])[] {
  const given = component?.extraArgs ?? [];
  return Array.isArray(given) ? given.map(({ name, value }) => [name, value]) : Object.entries(given);
}

const row = (name: string, value: unknown): Row => [
  name,
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value),
];
