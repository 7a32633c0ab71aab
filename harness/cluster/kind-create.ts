/** `kind create cluster`, with what kind itself leaves out: an end on request, logs when it fails, nothing left behind. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError, messageOf } from "../errors.ts";
import { docker, nodeContainers } from "./docker.ts";
import { exec } from "./exec.ts";
import { adviceFor, isFlaky } from "./kind-advice.ts";
import { home } from "./paths.ts";

export interface KindCreate {
  readonly kindBinary: string;
  readonly name: string;
  /** The kind config as YAML, made for each attempt: the ports of the first may be taken by the second. */
  readonly config: () => Promise<string>;
  /** Written and read by kind instead of the user's own file. */
  readonly kubeconfig: string;
  /** Name of the Docker network. */
  readonly network: string;
  readonly signal?: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** The API server answers and the control plane has its network; workers are about to join. */
  readonly onControlPlane?: () => void;
}

/** kind's last step before it joins the workers. */
const BEFORE_JOIN = "Installing StorageClass";

/** 26 s were measured for three nodes on two cores; slow machines with cold disks take a few minutes. */
const CREATE_TIMEOUT_MS = 600_000;
const EXPORT_TIMEOUT_MS = 60_000;
const DELETE_TIMEOUT_MS = 120_000;

/**
 * Creates the cluster. A failure known to be of the moment is tried once more, and said so.
 * @throws FaultlineError `cluster` with kind's own output, where the nodes' logs are, and what to do; `interrupted`
 *   when `signal` fired. Either way no container of it is left.
 */
export async function kindCreate(request: KindCreate): Promise<void> {
  try {
    await attempt(request);
  } catch (error) {
    const output = outputOf(error);
    if (isInterrupted(error, request) || !isFlaky(output)) throw error;
    request.onProgress(`kind failed with an error that is often of the moment; trying once more: ${lastLine(output)}`);
    await attempt(request);
  }
}

async function attempt(request: KindCreate): Promise<void> {
  const configFile = join(request.kubeconfig, "..", "kind.yaml");
  await writeFile(configFile, await request.config());
  const args = [
    ...["create", "cluster", "--name", request.name, "--config", configFile, "--kubeconfig", request.kubeconfig],
    // Without it kind removes the nodes, and their logs with them, before anybody could read them.
    "--retain",
  ];
  try {
    await exec(request.kindBinary, args, {
      timeoutMs: CREATE_TIMEOUT_MS,
      // kind has no handler for signals: Ctrl-C would end it between two containers.
      ownGroup: true,
      env: { KIND_EXPERIMENTAL_DOCKER_NETWORK: request.network, KIND_EXPERIMENTAL_PROVIDER: "docker" },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      onLine: (line) => {
        // kind writes each step twice, as begun and as done.
        const done = /^\s*✓\s*(.*?)\s*\p{Extended_Pictographic}?\p{Emoji_Component}*\s*$/u.exec(line);
        if (done?.[1] === undefined) return;
        request.onProgress(done[1]);
        if (done[1].startsWith(BEFORE_JOIN)) request.onControlPlane?.();
      },
    });
  } catch (error) {
    if (isInterrupted(error, request)) request.onProgress(`stopping: removing the nodes of ${request.name}`);
    throw await failedToBoot(request, error);
  }
}

/** Exports the nodes' logs, removes the nodes. @returns the error to throw. */
export async function failedToBoot(request: KindCreate, error: unknown): Promise<FaultlineError> {
  if (isInterrupted(error, request)) {
    await removeNodes(request.name);
    return interrupted(request.name);
  }
  const logs = await exportLogs(request);
  await removeNodes(request.name);
  return creationFailed(request, error, logs);
}

const interrupted = (name: string) =>
  new FaultlineError("interrupted", `cluster ${name}: creation stopped on request; nothing is left of it`);

/** Removes the node containers of a cluster and their volumes. The caller has made sure that they are ours. */
export async function removeNodes(name: string): Promise<void> {
  const containers = await nodeContainers(name);
  if (containers.length === 0) return;
  await docker(["rm", "--force", "--volumes", ...containers.map((container) => container.id)], {
    timeoutMs: DELETE_TIMEOUT_MS,
  });
}

/** @returns the folder, null when not even that worked. */
async function exportLogs(request: KindCreate): Promise<string | null> {
  const folder = join(home(), "failed", `${request.name}-${new Date().toISOString().replace(/[:.]/g, "-")}`);
  try {
    await mkdir(folder, { recursive: true });
    await exec(request.kindBinary, ["export", "logs", folder, "--name", request.name], {
      timeoutMs: EXPORT_TIMEOUT_MS,
      accept: "any",
    });
    return folder;
  } catch (error) {
    request.onProgress(`the nodes' logs could not be exported: ${messageOf(error)}`);
    return null;
  }
}

function creationFailed(request: KindCreate, error: unknown, logs: string | null): FaultlineError {
  const output = outputOf(error);
  const where = logs === null ? "" : `\nThe nodes' logs are in ${logs}.`;
  return new FaultlineError("cluster", `cluster ${request.name} could not be created:\n${output.trim()}${where}`, {
    fix: adviceFor(output) ?? "Read kind's output above and the nodes' logs; faultline doctor checks the machine.",
    context: { name: request.name, logs, output },
    cause: error,
  });
}

function isInterrupted(error: unknown, request: KindCreate): boolean {
  return request.signal?.aborted === true || (error instanceof FaultlineError && error.code === "interrupted");
}

/** What the program wrote, as `exec` and `creationFailed` keep it. */
function outputOf(error: unknown): string {
  const output = error instanceof FaultlineError ? error.context.output : undefined;
  return typeof output === "string" ? output : messageOf(error);
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";
