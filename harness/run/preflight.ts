/** What can be refused once the cluster is there, still before anything in it is touched: all problems at once. */
import { LABEL_OWNER, OWNER } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { messageOf } from "../errors.ts";
import type { Capability, Fault } from "../faults/fault.ts";
import type { FaultKind, Manifest, Plan, PlannedArm, Problem } from "../types.ts";

export interface PreflightPorts {
  readonly faultOf: (kind: FaultKind) => Fault;
  /** Capabilities that the cluster lacks, each with the reason. */
  readonly missingCapabilities: (needs: readonly Capability[]) => Promise<ReadonlyMap<Capability, string>>;
}

export async function preflight(
  plan: Plan,
  cluster: ClusterHandle,
  ports: PreflightPorts,
): Promise<readonly Problem[]> {
  const found = await Promise.all([
    namespaceProblems(plan, cluster),
    manifestProblems(plan, cluster),
    imageProblems(plan, cluster),
    capabilityProblems(plan, ports),
  ]);
  return found.flat();
}

/** A namespace of the arm's name that is not ours is never adopted; one of ours means that a run left it. */
async function namespaceProblems(plan: Plan, { kube }: ClusterHandle): Promise<Problem[]> {
  const found = await Promise.all(
    plan.arms.map(async (arm) => ({
      arm,
      object: await kube.get({ apiVersion: "v1", kind: "Namespace", name: arm.namespace }),
    })),
  );
  return found.flatMap(({ arm, object }) => {
    if (object === null) return [];
    const ours = object.metadata?.labels?.[LABEL_OWNER] === OWNER;
    const message = ours
      ? `the namespace ${arm.namespace} is left from an earlier run; run \`faultline revert\``
      : `the namespace ${arm.namespace} exists and is not ours; it is never adopted: choose another workload.namespace`;
    return [{ path: `arms.${arm.name}`, message }];
  });
}

/** Asks the API server about every object, in `default` because the arm's namespace does not exist yet. */
async function manifestProblems(plan: Plan, { kube }: ClusterHandle): Promise<Problem[]> {
  const asked = new Set<string>();
  const tries = plan.arms
    .flatMap((arm) => arm.manifests.map((manifest) => ({ arm, manifest })))
    .filter(({ manifest }) => {
      const text = JSON.stringify({ ...manifest, metadata: { ...manifest.metadata, namespace: "" } });
      return !asked.has(text) && asked.add(text);
    });
  const results = await Promise.all(tries.map(async ({ arm, manifest }) => dryRun(arm, manifest, kube)));
  return results.flat();
}

async function dryRun(arm: PlannedArm, manifest: Manifest, kube: ClusterHandle["kube"]): Promise<Problem[]> {
  const name = `faultline-dry-run-${manifest.metadata.name}`.slice(0, 63).replace(/-+$/, "");
  const object = { ...manifest, metadata: { ...manifest.metadata, name, namespace: "default" } };
  try {
    await kube.apply(object, { dryRun: true });
    return [];
  } catch (error) {
    return [
      {
        path: `arms.${arm.name}: ${manifest.kind} ${manifest.metadata.name}`,
        message: `the API server refuses it: ${messageOf(error)}`,
      },
    ];
  }
}

/** Where nothing can be pulled, an image must be built by the plan or be on the nodes already. */
async function imageProblems(plan: Plan, { kube }: ClusterHandle): Promise<Problem[]> {
  if (plan.cluster.egress === "allowed") return [];
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  const onNodes = new Set(
    nodes.flatMap((node) => (node.status?.images ?? []).flatMap((image: { names?: string[] }) => image.names ?? [])),
  );
  const built = new Set(plan.images.map((image) => image.name));
  const problems = plan.arms.flatMap((arm) =>
    imagesOf([arm.manifests, arm.steps])
      .filter(
        (image) =>
          !built.has(image) &&
          ![image, `docker.io/library/${image}`, `docker.io/${image}`].some((one) => onNodes.has(one)),
      )
      .map((image) => ({
        path: `arms.${arm.name}`,
        message: `the image ${image} is on no node and cannot be pulled (cluster.egress is "rejected"); name it in workload.images, or set egress to "allowed"`,
      })),
  );
  return problems;
}

/** Image names of all containers, wherever a pod template stands. */
export function imagesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(imagesOf);
  if (typeof value !== "object" || value === null) return [];
  const found = Object.entries(value).flatMap(([key, child]) =>
    (key === "containers" || key === "initContainers") && Array.isArray(child)
      ? child.flatMap((container: { image?: unknown }) =>
          typeof container?.image === "string" ? [container.image] : [],
        )
      : imagesOf(child),
  );
  return [...new Set(found)];
}

async function capabilityProblems(plan: Plan, ports: PreflightPorts): Promise<Problem[]> {
  const kinds = [...new Set(plan.arms.flatMap((arm) => arm.steps.map((step) => step.spec.kind)))];
  const missing = await ports.missingCapabilities([...new Set(kinds.flatMap((kind) => ports.faultOf(kind).needs))]);
  return kinds.flatMap((kind) =>
    ports
      .faultOf(kind)
      .needs.filter((need) => missing.has(need))
      .map((need) => ({
        path: `faults (${kind})`,
        message: `needs ${need}, which is missing here: ${missing.get(need)}`,
      })),
  );
}
