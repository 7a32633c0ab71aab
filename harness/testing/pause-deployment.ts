/** A namespace of a test's own, and Deployments of pods that do nothing in it. */
import { randomBytes } from "node:crypto";
import type { ClusterHandle } from "../cluster/provider.ts";
import { pauseImage } from "../faults/pods/pause-image.ts";
import { createNamespace, deploy, removeNamespace } from "../run/workload.ts";

const TIMEOUT_MS = 120_000;

export interface TestNamespace {
  readonly name: string;
  /** Pods with `app=<name>`, ready when this resolves. */
  deployPause(name: string, replicas: number, podSpec?: object, container?: object): Promise<void>;
  remove(): Promise<void>;
}

/** @param word part of the name, for people who meet it. */
export async function testNamespace({ kube }: ClusterHandle, word: string): Promise<TestNamespace> {
  const namespace = `faultline-test-${word}-${randomBytes(3).toString("hex")}`;
  await createNamespace(kube, namespace, `${word}-test`);
  return {
    name: namespace,
    deployPause: async (name, replicas, podSpec = {}, container = {}) => {
      const labels = { app: name };
      const containers = [{ name: "pause", image: await pauseImage(kube), ...container }];
      const manifest = {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name, namespace },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, ...podSpec, containers } },
        },
      };
      await deploy(kube, { namespace, manifests: [manifest] }, {}, TIMEOUT_MS, AbortSignal.timeout(TIMEOUT_MS));
    },
    remove: async () => removeNamespace(kube, namespace, TIMEOUT_MS),
  };
}
