/** A cluster in memory, for testing the runner's order of steps. Workloads are available as soon as they are applied. */

import type { Kube, KubeObject, Ref } from "../cluster/kube.ts";
import type { ClusterHandle, ClusterProvider } from "../cluster/provider.ts";

const keyOf = (ref: Ref) => `${ref.kind}/${ref.namespace ?? ""}/${ref.name ?? ""}`;

export interface FakeCluster {
  readonly handle: ClusterHandle;
  readonly provider: ClusterProvider;
  /** Keys of all objects: `Kind/namespace/name`. */
  objects(): readonly string[];
  put(object: KubeObject): void;
  /** Every change in order: "apply Deployment/x/y". */
  readonly log: string[];
}

export function fakeCluster(name = "fake"): FakeCluster {
  const store = new Map<string, KubeObject>();
  const log: string[] = [];
  const kube = fakeKube(store, log);
  const handle: ClusterHandle = {
    name,
    kubeconfig: "/nowhere/kubeconfig",
    kube,
    ingressUrl: "http://127.0.0.1:1",
    created: false,
    settings: {},
    nodes: async () => [],
    loadImages: async (images) => Object.fromEntries(images.map((image) => [image.name, `${image.name}:loaded`])),
  };
  const provider: ClusterProvider = {
    up: async () => handle,
    attach: async () => handle,
    reach: async () => handle,
    list: async () => [],
    down: async (gone) => {
      log.push(`down ${gone}`);
      store.clear();
    },
    gc: async () => [],
  };
  return {
    handle,
    provider,
    log,
    objects: () => [...store.keys()].sort(),
    put: (object) => {
      store.set(keyOf({ ...object, ...object.metadata }), object);
    },
  };
}

function fakeKube(store: Map<string, KubeObject>, log: string[]): Kube {
  const refOf = (object: KubeObject): Ref => ({ apiVersion: object.apiVersion, kind: object.kind, ...object.metadata });
  const write = (verb: string) => async (object: KubeObject, options?: { dryRun?: boolean }) => {
    if (options?.dryRun) return object;
    log.push(`${verb} ${keyOf(refOf(object))}`);
    const replicas = object.spec?.replicas ?? 1;
    const stored = {
      ...object,
      metadata: { ...object.metadata, generation: 1 },
      status: { observedGeneration: 1, availableReplicas: replicas },
    };
    store.set(keyOf(refOf(object)), stored);
    return stored;
  };
  const unused = (what: string) => () => {
    throw new Error(`the fake cluster has no ${what}`);
  };
  return {
    get: async (ref) => store.get(keyOf(ref)) ?? null,
    list: async (ref) =>
      [...store.values()].filter((object) => object.kind === ref.kind && object.metadata.namespace === ref.namespace),
    apply: write("apply"),
    create: write("create"),
    patch: unused("patch"),
    delete: async (ref) => {
      log.push(`delete ${keyOf(ref)}`);
      store.delete(keyOf(ref));
      if (ref.kind !== "Namespace") return;
      for (const key of store.keys()) if (key.split("/")[1] === ref.name) store.delete(key);
    },
    watch: unused("watch"),
    followLog: unused("followLog"),
    podHttp: unused("podHttp"),
    exec: unused("exec"),
    request: unused("request"),
    version: async () => "v0.0.0-fake",
    close: () => undefined,
  };
}
