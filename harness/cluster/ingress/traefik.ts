/** Traefik as the cluster's ingress controller: its objects, and when it can be used. */
import { request } from "node:http";
import { FaultlineError } from "../../errors.ts";
import type { Manifest } from "../../types.ts";
import type { Kube } from "../kube.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { waitFor } from "../wait.ts";

/** How the rest of the harness finds the controller. */
export const INGRESS = {
  namespace: "faultline-ingress",
  name: "traefik",
  selector: "app.kubernetes.io/name=traefik",
  className: "traefik",
  /** Port of the control-plane node's container, which the kind config maps to a free port of 127.0.0.1. */
  hostPort: 30_080,
} as const;

const LABELS = { "app.kubernetes.io/name": "traefik", [LABEL_OWNER]: OWNER };

/** What the harness reads of each request; everything else of the access log is dropped. */
export const ACCESS_LOG_FIELDS = [
  "StartUTC",
  "Duration",
  "ServiceAddr",
  "DownstreamStatus",
  "OriginStatus",
  "RequestMethod",
  "RequestHost",
  "RetryAttempts",
] as const;

const ARGS = [
  "--global.checknewversion=false",
  "--global.sendanonymoususage=false",
  "--entrypoints.web.address=:8000",
  "--entrypoints.traefik.address=:8080",
  "--ping=true",
  "--providers.kubernetesingress=true",
  `--providers.kubernetesingress.ingressclass=${INGRESS.className}`,
  "--accesslog=true",
  "--accesslog.format=json",
  "--accesslog.fields.defaultmode=drop",
  ...ACCESS_LOG_FIELDS.map((field) => `--accesslog.fields.names.${field}=keep`),
  "--accesslog.fields.headers.defaultmode=drop",
];

/** All objects of the controller, in the order in which they are to be applied. `image` runs Traefik v3 as its entrypoint. */
export function traefikManifests(options: { readonly image: string }): readonly Manifest[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: INGRESS.namespace, labels: LABELS } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: inNamespace() },
    ...accessRights(),
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: INGRESS.className, labels: LABELS },
      spec: { controller: "traefik.io/ingress-controller" },
    },
    deployment(options.image),
  ];
}

const inNamespace = () => ({ name: INGRESS.name, namespace: INGRESS.namespace, labels: LABELS });

function accessRights(): Manifest[] {
  const name = `faultline-${INGRESS.name}`;
  const rules = [
    { apiGroups: [""], resources: ["services", "secrets", "nodes", "configmaps"], verbs: ["get", "list", "watch"] },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    {
      apiGroups: ["networking.k8s.io"],
      resources: ["ingresses", "ingressclasses"],
      verbs: ["get", "list", "watch"],
    },
    { apiGroups: ["networking.k8s.io"], resources: ["ingresses/status"], verbs: ["update"] },
  ];
  return [
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name, labels: LABELS }, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name, labels: LABELS },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: INGRESS.name, namespace: INGRESS.namespace }],
    },
  ];
}

function deployment(image: string): Manifest {
  const match = { "app.kubernetes.io/name": "traefik" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: inNamespace(),
    spec: {
      replicas: 1,
      // The host port can be held by one pod at a time.
      strategy: { type: "Recreate" },
      selector: { matchLabels: match },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: INGRESS.name,
          enableServiceLinks: false,
          nodeSelector: { "node-role.kubernetes.io/control-plane": "" },
          tolerations: [{ operator: "Exists" }],
          containers: [
            {
              name: "traefik",
              image,
              imagePullPolicy: "IfNotPresent",
              args: ARGS,
              ports: [{ name: "web", containerPort: 8_000, hostPort: INGRESS.hostPort }],
              readinessProbe: { httpGet: { path: "/ping", port: 8_080 }, periodSeconds: 1, timeoutSeconds: 5 },
              resources: { requests: { cpu: "50m", memory: "64Mi" } },
            },
          ],
        },
      },
    },
  };
}

export interface IngressAddress {
  readonly kube: Kube;
  readonly ingressUrl: string | null;
}

/**
 * Waits until the controller is available and answers at its URL with anything at all.
 * @throws FaultlineError `deadline` with the last thing seen; `cluster` when the cluster has no ingress URL.
 */
export async function waitForIngress(cluster: IngressAddress, options: { readonly timeoutMs: number }): Promise<void> {
  const { kube, ingressUrl } = cluster;
  if (ingressUrl === null) throw new FaultlineError("cluster", "the cluster was created without an ingress controller");
  const { name, namespace } = INGRESS;
  await waitFor({
    what: `Deployment ${namespace}/${name} available and answering at ${ingressUrl}`,
    timeoutMs: options.timeoutMs,
    everyMs: 250,
    probe: async () => {
      const found = await kube.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
      const status = found?.status ?? {};
      const current = status.observedGeneration === found?.metadata.generation && status.updatedReplicas === 1;
      if (!current || status.availableReplicas !== 1) {
        return { done: false, saw: `${status.availableReplicas ?? 0} of 1 replicas available` };
      }
      const answer = await statusOf(ingressUrl);
      return answer > 0 ? { done: true, value: undefined } : { done: false, saw: "no HTTP answer" };
    },
  });
}

function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on("timeout", () => call.destroy(new Error(`${url}: no answer in 2000 ms`)));
    call.on("error", reject);
    call.end();
  });
}
