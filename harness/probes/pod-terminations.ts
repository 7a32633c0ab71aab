/** Follows each pod of a service to its end, by four paths side by side: API, endpoints, application, ingress. */
import type { PodTerminationsProbe } from "../types.ts";
import { followAppLogs } from "./app-log.ts";
import { watchEndpoints } from "./endpoints.ts";
import { followIngressLog } from "./ingress-log.ts";
import { watchPods } from "./pods.ts";
import type { Probe } from "./probe.ts";
import { createUpstream } from "./upstream-file.ts";

export const podTerminations: Probe<PodTerminationsProbe> = {
  kind: "pod-terminations",

  async start(name, spec, context) {
    const ingressLog = await followIngressLog(context, await createUpstream(context.upstreamFile));
    const appLogs = followAppLogs(name, context);
    const endpoints = await watchEndpoints(name, spec.service, context);
    const pods = await watchPods(name, spec.selector, context, (pod) => {
      if (pod.started) appLogs.follow(pod.name);
      if (pod.ip !== null) ingressLog.addAddress(`${pod.ip}:${spec.port}`);
    });
    return {
      // Logs last: they may still tell of what the watches saw.
      stop: async () => {
        await ingressLog.stop();
        await Promise.all([pods.stop(), endpoints.stop(), appLogs.stop()]);
      },
    };
  },
};
