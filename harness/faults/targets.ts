/** Who is hit: by label, by name or by number, chosen by the run's seed and bounded. */
import { LABEL_FAULT } from "../cluster/labels.ts";
import { FaultlineError } from "../errors.ts";
import type { NodeTargets, PodTargets, Quantity } from "../fault-specs.ts";
import type { FaultContext } from "./fault.ts";
import { isServing } from "./pods/pod.ts";

/** A pod as an undo token holds it. A pod of the same name that came later is another pod, with another uid. */
export type PodTarget = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly ip: string;
};

interface SpecProblem {
  readonly path: string;
  readonly message: string;
}

/** Mistakes in targets; `path` is where they stand in the spec. Pure. */
export function targetProblems(path: string, targets: PodTargets | NodeTargets | undefined): SpecProblem[] {
  if (typeof targets !== "object" || targets === null) return [{ path, message: "an object that says which" }];
  const needsSelector = "selector" in targets && (typeof targets.selector !== "string" || targets.selector === "");
  return [
    ...(needsSelector ? [{ path: `${path}.selector`, message: 'a label selector: "app=checkout"' }] : []),
    ...(["count", "atMost"] as const).flatMap((key) => quantityProblems(`${path}.${key}`, targets[key])),
  ];
}

function quantityProblems(path: string, value: unknown): SpecProblem[] {
  if (value === undefined) return [];
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(String(value))?.[1];
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return [];
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return [];
  return [{ path, message: `a whole number from 1, or a share from "1%" to "100%", not ${JSON.stringify(value)}` }];
}

/** How many of `all` a quantity is; a share is rounded up, so that it is never none. */
export function amount(quantity: Quantity, all: number): number {
  if (typeof quantity === "number") return quantity;
  return Math.ceil((all * Number.parseFloat(quantity)) / 100);
}

/**
 * The ready pods to hit, in the order of their names; pods of another fault are never among them.
 * @throws FaultlineError `fault` when nothing matches (unless `emptyTargets` is `skip`), or the blast radius is exceeded.
 */
export async function choosePods(context: FaultContext, targets: PodTargets): Promise<readonly PodTarget[]> {
  const namespace = targets.namespace ?? context.namespace;
  const ref = { apiVersion: "v1", kind: "Pod", namespace };
  const pods = await context.cluster.kube.list(ref, { labelSelector: targets.selector });
  const ready = pods.filter((pod) => isServing(pod) && pod.metadata.labels?.[LABEL_FAULT] === undefined);
  const what = `ready pod in ${namespace} with ${targets.selector}`;
  return choose(context, targets, targets.atMost ?? "100%", what, ready.map(podTarget));
}

export const podTarget = (pod: {
  metadata: PodTarget;
  spec: { nodeName: string };
  status: { podIP: string };
}): PodTarget => ({
  namespace: pod.metadata.namespace,
  name: pod.metadata.name,
  uid: pod.metadata.uid,
  node: pod.spec.nodeName,
  ip: pod.status.podIP,
});

/**
 * Names of the nodes to hit, in order. Control planes only by name.
 * @throws FaultlineError `fault` when nothing matches (unless `emptyTargets` is `skip`), or more than `atMost` (1 unless given).
 */
export async function chooseNodes(context: FaultContext, targets: NodeTargets): Promise<readonly string[]> {
  const { kube, name: cluster } = context.cluster;
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  const workers = nodes.filter((node) => node.metadata.labels?.["node-role.kubernetes.io/control-plane"] === undefined);
  const named = targets.names?.map((name) => {
    const found = nodes.find((node) => [name, `${cluster}-${name}`].includes(node.metadata.name));
    if (found !== undefined) return found;
    throw new FaultlineError("fault", `there is no node ${name}`, {
      fix: `name one of ${nodes.map((node) => node.metadata.name).join(", ")}`,
    });
  });
  const hosts = targets.hosting === undefined ? null : await hostsOf(context, targets.hosting);
  const matching = (named ?? workers)
    .map((node): string => node.metadata.name)
    .filter((name) => hosts === null || hosts.has(name));
  const what = `node${targets.hosting === undefined ? "" : ` that runs a pod with ${targets.hosting}`}`;
  return choose(
    context,
    targets,
    targets.atMost ?? 1,
    what,
    matching.map((name) => ({ name })),
  ).map(({ name }) => name);
}

async function hostsOf(context: FaultContext, labelSelector: string): Promise<ReadonlySet<string>> {
  const ref = { apiVersion: "v1", kind: "Pod", namespace: context.namespace };
  const pods = await context.cluster.kube.list(ref, { labelSelector });
  return new Set(pods.flatMap((pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName])));
}

function choose<T extends { readonly name: string }>(
  context: FaultContext,
  targets: PodTargets | NodeTargets,
  atMost: Quantity,
  what: string,
  matching: readonly T[],
): readonly T[] {
  if (matching.length === 0) {
    if (targets.emptyTargets === "skip") return [];
    throw new FaultlineError("fault", `no ${what}: the fault would hit nothing`, {
      fix: 'correct the targets, or set emptyTargets: "skip" where none is all right',
    });
  }
  const count = Math.min(
    targets.count === undefined ? matching.length : amount(targets.count, matching.length),
    matching.length,
  );
  const bound = amount(atMost, matching.length);
  if (count > bound) {
    throw new FaultlineError("fault", `${count} times a ${what} would be hit, and at most ${bound} may be`, {
      fix: "lower count, or raise atMost if that many may be hurt",
    });
  }
  const pool = [...matching].sort((a, b) => a.name.localeCompare(b.name));
  const chosen: T[] = [];
  while (chosen.length < count) chosen.push(...pool.splice(context.random.below(pool.length), 1));
  return chosen.sort((a, b) => a.name.localeCompare(b.name));
}
