/** What the mock knows of the cluster, each through a watch: the settings, and whose addresses are whose on this node. */
import { follow } from "./follow.ts";
import type { InForce } from "./in-force.ts";
import { PodDirectory } from "./roles.ts";
import { settingsOf } from "./settings.ts";

export interface ClusterView {
  readonly pods: PodDirectory;
  readonly facts: () => { readonly podsKnown: boolean; readonly settingsProblem: string | null };
  /** @param settings `namespace/name` of the ConfigMap that holds them. */
  readonly watch: (settings: string, node: string) => void;
}

export function clusterView(inForce: InForce): ClusterView {
  const pods = new PodDirectory();
  let podsKnown = false;
  let settingsProblem: string | null = null;
  const take = ({ data }: { readonly data?: { readonly settings?: string; readonly id?: string } }) => {
    try {
      inForce.setSettings(settingsOf(JSON.parse(data?.settings ?? "{}")), data?.id ?? "");
      settingsProblem = null;
    } catch (error) {
      settingsProblem = String(error);
    }
  };
  return {
    pods,
    facts: () => ({ podsKnown, settingsProblem }),
    watch: (settings, node) => {
      const [namespace, name] = settings.split("/");
      void follow({
        path: `/api/v1/namespaces/${namespace}/configmaps`,
        query: `fieldSelector=metadata.name%3D${name}`,
        onList: (objects) => objects.forEach(take),
        onEvent: (type, object) => {
          if (type !== "DELETED") take(object);
        },
      });
      void follow({
        path: "/api/v1/pods",
        query: `fieldSelector=spec.nodeName%3D${node}`,
        onList: (objects) => {
          pods.clear();
          for (const object of objects) takePod(pods, object);
          podsKnown = true;
        },
        onEvent: (type, object) => (type === "DELETED" ? pods.remove(object.metadata.uid) : takePod(pods, object)),
      });
    },
  };
}

export interface PodObject {
  readonly metadata: {
    readonly uid: string;
    readonly namespace: string;
    readonly name: string;
    readonly creationTimestamp: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly hostNetwork?: boolean };
  readonly status: { readonly phase?: string; readonly podIP?: string };
}

/** Pods on the node's own network share its address and cannot be told apart; a pod that has ended gave its address back. */
export function takePod(pods: PodDirectory, { metadata, spec, status }: PodObject): void {
  const hasEnded = ["Succeeded", "Failed"].includes(status.phase ?? "");
  if (status.podIP === undefined || hasEnded || spec.hostNetwork === true) {
    pods.remove(metadata.uid);
    return;
  }
  pods.set({
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    ip: status.podIP,
    role: metadata.annotations?.["iam.amazonaws.com/role"] ?? null,
    createdAt: metadata.creationTimestamp,
  });
}
