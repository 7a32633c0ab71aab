/** Follows jobs by three paths side by side: their own log, a watch of their pods, and what the kubelets count. */
import type { PodIdentityProbe } from "../probe-specs.ts";
import { followAppLogs } from "./app-log.ts";
import { sampleKubelets } from "./kubelets.ts";
import { watchPods } from "./pods.ts";
import type { Probe } from "./probe.ts";

/** What kube2iam and KIAM read. */
const ROLE_ANNOTATION = "iam.amazonaws.com/role";

export const podIdentity: Probe<PodIdentityProbe> = {
  kind: "pod-identity",

  async start(name, { selector }, context) {
    const kubelets = await sampleKubelets(name, context);
    const appLogs = followAppLogs(name, context);
    const known = new Set<string>();
    const pods = await watchPods(name, selector, context, (pod) => {
      // The node tells of a log long before a kubelet that may rarely call says that there is a container.
      if (pod.node !== null) appLogs.follow(pod.name);
      if (known.has(pod.name)) return;
      known.add(pod.name);
      const role = pod.annotations[ROLE_ANNOTATION] ?? null;
      context.observe({ t: context.clock.now(), probe: name, type: "identity", pod: pod.name, role });
    });
    return {
      stop: async () => {
        await Promise.all([kubelets.stop(), pods.stop(), appLogs.stop()]);
      },
    };
  },
};
