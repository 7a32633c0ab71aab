/** The objects of the metadata mock: one on every node's own network, and canaries that ask it as pods do. */
import type { Manifest } from "../../types.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { IMDS } from "./address.ts";

const { namespace, name, canary, controlPort } = IMDS;
const labelsOf = (app: string) => ({ "app.kubernetes.io/name": app, [LABEL_OWNER]: OWNER });
const named = (app: string) => ({ name: app, namespace, labels: labelsOf(app) });

/** In the order in which they are to be applied; the namespace is there. */
export function imdsManifests(image: string): readonly Manifest[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: named(name) },
    ...accessRights(),
    daemonSet(name, mockPod(image)),
    daemonSet(canary, canaryPod(image)),
  ];
}

/** The mocks take new settings from it as soon as its `id` changes. */
export function settingsManifest(id: string, settings: string): Manifest {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: named(name), data: { id, settings } };
}

function accessRights(): Manifest[] {
  const api = "rbac.authorization.k8s.io";
  const apiVersion = `${api}/v1`;
  const verbs = ["get", "list", "watch"];
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const ofCluster = { name, labels: labelsOf(name) };
  return [
    { apiVersion, kind: "ClusterRole", metadata: ofCluster, rules: [{ apiGroups: [""], resources: ["pods"], verbs }] },
    {
      ...{ apiVersion, kind: "ClusterRoleBinding", metadata: ofCluster },
      ...{ roleRef: { apiGroup: api, kind: "ClusterRole", name }, subjects },
    },
    { apiVersion, kind: "Role", metadata: named(name), rules: [{ apiGroups: [""], resources: ["configmaps"], verbs }] },
    {
      ...{ apiVersion, kind: "RoleBinding", metadata: named(name) },
      ...{ roleRef: { apiGroup: api, kind: "Role", name }, subjects },
    },
  ];
}

function daemonSet(app: string, template: { readonly annotations?: object; readonly spec: object }): Manifest {
  const { annotations, spec } = template;
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: named(app),
    spec: {
      selector: { matchLabels: { "app.kubernetes.io/name": app } },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "100%" } },
      template: { metadata: { labels: labelsOf(app), annotations }, spec },
    },
  };
}

function mockPod(image: string) {
  return {
    spec: {
      serviceAccountName: name,
      hostNetwork: true,
      // Every node: whatever runs there, and whatever state it is in.
      tolerations: [{ operator: "Exists" }],
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      containers: [
        {
          ...container("mock", image),
          env: [
            fieldOf("NODE_NAME", "spec.nodeName"),
            fieldOf("NODE_IP", "status.hostIP"),
            fieldOf("CONTROL_HOST", "status.hostIP"),
            { name: "CONTROL_PORT", value: String(controlPort) },
            { name: "SETTINGS", value: `${namespace}/${name}` },
          ],
          // Port 80 of the claimed address.
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
          },
        },
      ],
    },
  };
}

function canaryPod(image: string) {
  return {
    annotations: { "iam.amazonaws.com/role": canary },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532 },
      containers: [
        {
          ...container("canary", image),
          env: [
            { name: "ROLE", value: "canary" },
            { name: "CONTROL_PORT", value: String(controlPort) },
          ],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}

const container = (word: string, image: string) => ({
  name: word,
  image,
  imagePullPolicy: "IfNotPresent",
  readinessProbe: { httpGet: { path: "/status", port: controlPort }, periodSeconds: 1, timeoutSeconds: 5 },
  resources: { requests: { cpu: "10m", memory: "48Mi" } },
});
const fieldOf = (variable: string, fieldPath: string) => ({ name: variable, valueFrom: { fieldRef: { fieldPath } } });
