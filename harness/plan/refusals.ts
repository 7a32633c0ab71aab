/** What a plan refuses beyond the definition's own mistakes: names asked for, patches of nothing, foreign targets. Pure. */
import type { ArmSpec, Experiment, Manifest, Problem } from "../types.ts";

/** Kinds that have no namespace and are therefore refused in a workload: they would outlive their arm. */
const CLUSTER_SCOPED = [
  "Namespace",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "PersistentVolume",
];
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
/** Stands in a plan for what is known only once the cluster is there. */
export const INGRESS_URL = "${INGRESS_URL}";

/** Mistakes in what the user asked for on the command line. */
export function choiceProblems(definition: unknown, size: string, arms: readonly string[]): Problem[] {
  const it = (definition ?? {}) as Partial<Experiment>;
  const sizes = ["full", ...Object.keys(it.sizes ?? {})];
  const known = Object.keys(it.arms ?? {});
  return [
    ...(sizes.includes(size)
      ? []
      : [{ path: "--size", message: `unknown size "${size}"; known: ${[...new Set(sizes)].join(", ")}` }]),
    ...arms
      .filter((arm) => !known.includes(arm))
      .map((arm) => ({ path: "--arm", message: `unknown arm "${arm}"; known: ${known.join(", ")}` })),
  ];
}

/** What an arm makes of the manifests that cannot be: patches of nothing, objects that outlive it, too long a name. */
export function armProblems(name: string, arm: ArmSpec, namespace: string, objects: readonly Manifest[]): Problem[] {
  return [
    ...patchProblems(name, arm, objects),
    ...objects
      .filter((object) => CLUSTER_SCOPED.includes(object.kind))
      .map((object) => ({
        path: "workload.manifests",
        message: `${object.kind} ${object.metadata.name} belongs to no namespace and would outlive the arm; install it before`,
      })),
    ...(namespace.length > 63
      ? [{ path: `arms.${name}`, message: `the namespace ${namespace} is longer than 63 characters` }]
      : []),
  ];
}

function patchProblems(name: string, arm: ArmSpec, objects: readonly Manifest[]): Problem[] {
  return (arm.patches ?? []).flatMap((patch, i) =>
    objects.some((object) => object.kind === patch.kind && object.metadata.name === patch.name)
      ? []
      : [
          {
            path: `arms.${name}.patches[${i}]`,
            message: `no manifest holds ${patch.kind} ${patch.name}; there are ${objects.map((object) => `${object.kind} ${object.metadata.name}`).join(", ")}`,
          },
        ],
  );
}

/** Values of keys that end in URL must be one, and lead to this machine: load goes nowhere else. */
export function urlProblems(key: string, text: string): Problem[] {
  if (!key.endsWith("URL")) return [];
  const path = `load.env.${key}`;
  const url = URL.parse(text.replace(INGRESS_URL, "http://127.0.0.1:1"));
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    return [{ path, message: `"${text}" is no URL; write http://host:port/path or \${INGRESS_URL}` }];
  }
  if (LOOPBACK.includes(url.hostname)) return [];
  return [{ path, message: `${url.hostname} is another machine; load goes to this one only: write \${INGRESS_URL}` }];
}
