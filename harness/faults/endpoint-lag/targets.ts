/** Whom the fault concerns: the controller's pods, and the class of Ingress that they serve. */

import { INGRESS } from "../../cluster/ingress/traefik.ts";
import type { Kube } from "../../cluster/kube.ts";
import { FaultlineError } from "../../errors.ts";
import type { Target } from "../agent/pod-network.ts";
import type { FaultContext } from "../fault.ts";

/** @throws FaultlineError `fault` when there is no such pod, or its network namespace is not its own. */
export async function controllerPods(
  context: FaultContext,
  controller: { readonly namespace: string; readonly selector: string },
): Promise<readonly Target[]> {
  const { namespace, selector } = controller;
  const pods = await context.cluster.kube.list(
    { apiVersion: "v1", kind: "Pod", namespace },
    { labelSelector: selector, fieldSelector: "status.phase=Running" },
  );
  if (pods.length === 0) {
    throw new FaultlineError("fault", `no running pod in ${namespace} matches ${selector}`, {
      fix: "name the ingress controller's pods in the fault's `controller`",
    });
  }
  return pods.map((pod) => {
    if (pod.spec.hostNetwork === true) {
      throw new FaultlineError("fault", `${namespace}/${pod.metadata.name} uses the host's network`, {
        fix: "run the controller with a network of its own: a redirect on the host's would hit the kubelet too",
      });
    }
    return { namespace, name: pod.metadata.name, uid: pod.metadata.uid, node: pod.spec.nodeName };
  });
}

/** The class of the canary's Ingress. */
export async function ingressClassOf(kube: Kube, isOurs: boolean): Promise<string> {
  if (isOurs) return INGRESS.className;
  const classes = await kube.list({ apiVersion: "networking.k8s.io/v1", kind: "IngressClass" });
  const isDefault = (one: { metadata: { annotations?: Record<string, string> } }) =>
    one.metadata.annotations?.["ingressclass.kubernetes.io/is-default-class"] === "true";
  const chosen = classes.length === 1 ? classes[0] : classes.find(isDefault);
  if (chosen === undefined) {
    throw new FaultlineError("fault", `${classes.length} ingress classes and none is the default`, {
      fix: "mark the controller's class with ingressclass.kubernetes.io/is-default-class",
    });
  }
  return chosen.metadata.name;
}
