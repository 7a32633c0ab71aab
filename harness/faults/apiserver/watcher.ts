/** An identity of ours that may watch one public object, to see whether a watch delivers. */
import { SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { ensureSystemNamespace, removeObject } from "../agent/pod.ts";
import type { FaultContext } from "../fault.ts";
import { metadataOf } from "../names.ts";
import { WATCHED } from "./reading.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
/** The least that the API server gives out. */
const TOKEN_SECONDS = 600;

/** @returns a bearer token, good for ten minutes. */
export async function watcherToken(context: FaultContext, id: string): Promise<string> {
  const { kube } = context.cluster;
  await ensureSystemNamespace(kube);
  const metadata = metadataOf(id, id, context.runId);
  await kube.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false });
  const rules = [
    { apiGroups: [""], resources: [WATCHED.kind], resourceNames: [WATCHED.name], verbs: ["get", "list", "watch"] },
  ];
  await kube.apply({ apiVersion: RBAC, kind: "Role", metadata, rules });
  await kube.apply({
    apiVersion: RBAC,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: id },
    subjects: [{ kind: "ServiceAccount", namespace: SYSTEM_NAMESPACE, name: id }],
  });
  const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/serviceaccounts/${id}/token`;
  const asked = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: TOKEN_SECONDS },
  };
  return (await kube.request("POST", path, asked)).status.token;
}

/** Right if it is gone, or never was. */
export async function removeWatcher(context: FaultContext, id: string): Promise<void> {
  const named = { namespace: SYSTEM_NAMESPACE, name: id };
  await removeObject(context, { apiVersion: RBAC, kind: "RoleBinding", ...named });
  await removeObject(context, { apiVersion: RBAC, kind: "Role", ...named });
  await removeObject(context, { apiVersion: "v1", kind: "ServiceAccount", ...named });
}
