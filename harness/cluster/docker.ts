/** Docker's command line, as far as clusters need it. */
import { type ExecOptions, type ExecResult, exec } from "./exec.ts";
import { KIND_CLUSTER_LABEL, LABEL_CLUSTER, LABEL_OWNER, OWNER } from "./labels.ts";
import { LABEL_PROCESS, processToken } from "./owner.ts";

/** Longer than any single Docker call here takes on a slow disk; what takes longer (build, save) says so itself. */
const DOCKER_TIMEOUT_MS = 60_000;

export function docker(args: readonly string[], options: Partial<ExecOptions> = {}): Promise<ExecResult> {
  return exec("docker", args, { timeoutMs: DOCKER_TIMEOUT_MS, ...options });
}

/** `docker run` arguments that mark a container as ours and name the process that answers for it, so that gc can tell a stray one. */
export function ownerLabels(): readonly string[] {
  return ["--label", `${LABEL_OWNER}=${OWNER}`, "--label", `${LABEL_PROCESS}=${processToken()}`];
}

export interface NodeContainer {
  readonly id: string;
  readonly name: string;
  readonly role: "control-plane" | "worker" | "load-balancer";
  readonly cluster: string;
  readonly running: boolean;
  /** Its image was made by us: the cluster is ours. */
  readonly ours: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
}

const ROLE_LABEL = "io.x-k8s.kind.role";

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

/** Node containers of every kind cluster, or of one. Foreign ones included: whoever asks must look at `ours`. */
export async function nodeContainers(cluster?: string): Promise<readonly NodeContainer[]> {
  const filter = `label=${KIND_CLUSTER_LABEL}${cluster === undefined ? "" : `=${cluster}`}`;
  const { stdout } = await docker(["ps", "--all", "--quiet", "--no-trunc", "--filter", filter]);
  const ids = stdout.split("\n").filter((id) => id !== "");
  const containers = await inspectContainers(ids);
  return containers.map(toNodeContainer).sort((a, b) => a.name.localeCompare(b.name));
}

/** Those of `ids` that still exist. */
async function inspectContainers(ids: readonly string[]): Promise<readonly Inspected[]> {
  if (ids.length === 0) return [];
  const { stdout } = await docker(["container", "inspect", ...ids], { accept: "any" });
  return stdout.startsWith("[") ? (JSON.parse(stdout) as Inspected[]) : [];
}

function toNodeContainer(container: Inspected): NodeContainer {
  const labels = container.Config.Labels ?? {};
  const role = labels[ROLE_LABEL];
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ""),
    role: role === "control-plane" || role === "worker" ? role : "load-balancer",
    cluster: labels[KIND_CLUSTER_LABEL] ?? "",
    running: container.State.Running,
    ours: labels[LABEL_OWNER] === OWNER && labels[LABEL_CLUSTER] !== undefined,
    createdAt: container.Created,
  };
}

/** The image's id (its content), or null when it is not here. */
export async function imageId(reference: string): Promise<string | null> {
  const { exitCode, stdout } = await docker(["image", "inspect", "--format", "{{.Id}}", reference], { accept: [0, 1] });
  return exitCode === 0 ? stdout.trim() : null;
}

/** The host port on 127.0.0.1 that leads to a container's port, or null. */
export async function publishedPort(container: string, port: number): Promise<number | null> {
  const { exitCode, stdout } = await docker(["port", container, `${port}/tcp`], { accept: [0, 1] });
  const found = exitCode === 0 ? /:(\d+)$/m.exec(stdout) : null;
  return found === null ? null : Number(found[1]);
}
