/** Images onto the nodes of a running cluster: only to the nodes that lack them, and only the layers that they lack. */
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FaultlineError, messageOf } from "../../errors.ts";
import { docker } from "../docker.ts";
import { exec, execStream } from "../exec.ts";
import { withoutBlobs } from "./tar-filter.ts";

const LOAD_TIMEOUT_MS = 600_000;
const LOOK_TIMEOUT_MS = 30_000;

export interface LoadReport {
  /** Node containers that got something. */
  readonly nodes: readonly string[];
  /** References that were sent. */
  readonly references: readonly string[];
}

/**
 * Loads `references` (tags of local images) onto `nodes` (names of node containers) and checks with crictl that
 * kubelet will find them.
 * @throws FaultlineError `cluster` when a node does not show an image afterwards.
 */
export async function loadOntoNodes(nodes: readonly string[], references: readonly string[]): Promise<LoadReport> {
  const missing = await Promise.all(nodes.map(async (node) => ({ node, lacks: await lacking(node, references) })));
  const targets = missing.filter(({ lacks }) => lacks.length > 0);
  if (targets.length === 0) return { nodes: [], references: [] };
  const wanted = references.filter((reference) => targets.some(({ lacks }) => lacks.includes(reference)));
  const names = targets.map(({ node }) => node);
  await stream(names, wanted);
  await Promise.all(names.map((node) => mustHave(node, wanted)));
  return { nodes: names, references: wanted };
}

/** One `docker save`, filtered once, to all nodes at the same time at the slowest one's speed. */
async function stream(nodes: readonly string[], references: readonly string[]): Promise<void> {
  const [platform, ...stores] = await Promise.all([serverPlatform(), ...nodes.map(blobsOn)]);
  const everywhere = (sha256: string) => stores.every((store) => store.has(sha256));
  const saved = execStream("docker", ["save", ...references], { timeoutMs: LOAD_TIMEOUT_MS });
  const inputs = nodes.map(() => new PassThrough());
  const imports = nodes.map((node, index) => importOnto(node, platform, inputs[index] as PassThrough));
  const filtered = withoutBlobs(everywhere);
  try {
    await Promise.all([saved.done, pipeline(saved.output, filtered, fanOut(inputs)), ...imports]);
  } catch (cause) {
    for (const input of inputs) input.destroy();
    throw new FaultlineError("cluster", `images could not be loaded: ${messageOf(cause)}`, { cause });
  }
}

/** Writes every chunk to all targets and waits for the slowest. */
function fanOut(targets: readonly PassThrough[]) {
  return async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) {
      const full = targets.filter((target) => !target.destroyed && !target.write(chunk));
      await Promise.all(full.map((target) => drained(target)));
    }
    for (const target of targets) target.end();
  };
}

/** A target that closed needs no more; why it closed is for its importer to say. */
const drained = (target: PassThrough) =>
  new Promise<void>((resolve) => {
    target.once("drain", resolve);
    target.once("close", resolve);
  });

/** One platform only: an image from a containerd image store may list others whose content is not here. */
async function importOnto(node: string, platform: string, input: PassThrough): Promise<void> {
  const command = ["ctr", "--namespace", "k8s.io", "images", "import", "--platform", platform, "-"];
  await exec("docker", ["exec", "--interactive", node, ...command], { timeoutMs: LOAD_TIMEOUT_MS, input });
}

async function serverPlatform(): Promise<string> {
  const { stdout } = await docker(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"]);
  return stdout.trim();
}

async function blobsOn(node: string): Promise<ReadonlySet<string>> {
  const command = ["ctr", "--namespace", "k8s.io", "content", "ls", "--quiet"];
  const { stdout } = await docker(["exec", node, ...command], { timeoutMs: LOOK_TIMEOUT_MS });
  return new Set(stdout.split("\n").map((digest) => digest.replace(/^sha256:/, "")));
}

interface CrictlImages {
  readonly images: readonly { readonly repoTags?: readonly string[] }[];
}

/** Those references that a node's runtime does not show. Tags carry the content's hash, so a tag that is there is the image. */
async function lacking(node: string, references: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await docker(["exec", node, "crictl", "images", "--output", "json"], {
    timeoutMs: LOOK_TIMEOUT_MS,
  });
  const there = new Set((JSON.parse(stdout) as CrictlImages).images.flatMap((image) => image.repoTags ?? []));
  return references.filter((reference) => !there.has(fullReference(reference)));
}

async function mustHave(node: string, references: readonly string[]): Promise<void> {
  const lacks = await lacking(node, references);
  if (lacks.length === 0) return;
  throw new FaultlineError("cluster", `node ${node} does not show ${lacks.join(", ")} after loading`, {
    fix: `See what it has: docker exec ${node} crictl images.`,
  });
}

/** A reference as the node's runtime writes it: with registry, repository and tag. */
export function fullReference(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = rest.length === 0 ? `library/${reference}` : reference;
  const full = hasRegistry ? reference : `docker.io/${path}`;
  return /:[^/]*$/.test(full) || full.includes("@") ? full : `${full}:latest`;
}
