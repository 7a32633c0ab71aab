/** A cluster of which this machine has only a kubeconfig: no Docker, no setup, no images; enough to undo and to look. */
import { basename } from "node:path";
import { FaultlineError } from "../errors.ts";
import { apiNodes, closeApiNodes } from "./api-nodes.ts";
import { connect } from "./kube.ts";
import type { ClusterHandle } from "./provider.ts";

export interface AttachedCluster {
  readonly handle: ClusterHandle;
  /** Removes what the handle put into the cluster to run programs on its nodes, and frees its connections. */
  close(): Promise<void>;
}

/** @throws FaultlineError `cluster` when the file cannot be read, or nothing answers. */
export async function attachKubeconfig(kubeconfig: string): Promise<AttachedCluster> {
  const kube = connect(kubeconfig);
  await kube.version();
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  const controlPlane = nodes.map((node): string => node.metadata.name).find((name) => name.endsWith("-control-plane"));
  let opened: ReturnType<typeof apiNodes> | undefined;
  const handle: ClusterHandle = {
    name: controlPlane?.replace(/-control-plane$/, "") ?? basename(kubeconfig),
    kubeconfig,
    kube,
    ingressUrl: null,
    created: false,
    settings: {},
    nodes: () => {
      opened ??= apiNodes(kube);
      return opened;
    },
    loadImages: async (images) => {
      throw new FaultlineError(
        "cluster",
        `images cannot be loaded through a kubeconfig alone: ${images.map((one) => one.name).join(", ")}`,
        {
          fix: "run the command on the machine whose Docker runs the nodes",
        },
      );
    },
  };
  return {
    handle,
    close: async () => {
      if (opened !== undefined) await closeApiNodes(kube);
      kube.close();
    },
  };
}
