/** Images onto the nodes of a running cluster: only to the nodes that lack them, and only the layers that they lack. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FaultlineError, messageOf } from "../../errors.ts";
import { docker } from "../docker.ts";
import { execStream, type OutputStream } from "../exec.ts";
import { waitFor } from "../wait.ts";
import { withoutBlobs } from "./tar-filter.ts";

const LOAD_TIMEOUT_MS = 600_000;
const LOOK_TIMEOUT_MS = 60_000;
const SHOWN_TIMEOUT_MS = 20_000;

export interface LoadReport {
  /** Node containers that got something. */
  readonly nodes: readonly string[];
  /** References that were sent. */
  readonly references: readonly string[];
  /** Sent to each of the nodes. */
  readonly bytes: number;
}

const NOTHING: LoadReport = { nodes: [], references: [], bytes: 0 };

/** Where images come from: an archive of them as `docker save` writes it. */
export type Save = (references: readonly string[]) => OutputStream;

const fromEngine: Save = (references) => execStream("docker", ["save", ...references], { timeoutMs: LOAD_TIMEOUT_MS });

/**
 * Loads `references` (tags of local images) onto `nodes` (names of node containers) and checks with crictl that
 * kubelet will find them. A tag that a node shows is taken for the image: tags of ours carry the content's hash.
 * @throws FaultlineError `cluster` when an image could not be loaded, whatever the reason.
 */
export async function loadOntoNodes(
  nodes: readonly string[],
  references: readonly string[],
  save: Save = fromEngine,
): Promise<LoadReport> {
  if (references.length === 0) return NOTHING;
  const [platform, ...states] = await Promise.all([serverPlatform(), ...nodes.map(look)]);
  const targets = states.filter((state) => lacking(state, references).length > 0);
  if (targets.length === 0) return NOTHING;
  const wanted = references.filter((reference) => targets.some((state) => lacking(state, [reference]).length > 0));
  const bytes = await send(targets, wanted, platform, save(wanted));
  return { nodes: targets.map(({ node }) => node), references: wanted, bytes };
}

interface NodeState {
  readonly node: string;
  /** References that kubelet's runtime shows. */
  readonly tags: ReadonlySet<string>;
  /** SHA-256 of what its content store holds. */
  readonly blobs: ReadonlySet<string>;
}

const SEPARATOR = "--- blobs ---";

/** Both questions in one program: starting one in a container costs more than what it does here. */
async function look(node: string): Promise<NodeState> {
  const script = `crictl images --output json; echo '${SEPARATOR}'; ctr --namespace k8s.io content ls --quiet`;
  const { stdout } = await docker(["exec", node, "sh", "-c", script], { timeoutMs: LOOK_TIMEOUT_MS });
  const [images = "", blobs = ""] = stdout.split(SEPARATOR);
  return {
    node,
    tags: tagsOf(images),
    blobs: new Set(blobs.split("\n").map((digest) => digest.replace(/^sha256:/, ""))),
  };
}

function tagsOf(crictlImages: string): ReadonlySet<string> {
  const { images } = JSON.parse(crictlImages) as { images: readonly { readonly repoTags?: readonly string[] }[] };
  return new Set(images.flatMap((image) => image.repoTags ?? []));
}

const lacking = ({ tags }: Pick<NodeState, "tags">, references: readonly string[]) =>
  references.filter((reference) => !tags.has(fullReference(reference)));

/** One archive, filtered once, to all nodes at the same time at the slowest one's speed. */
async function send(
  targets: readonly NodeState[],
  references: readonly string[],
  platform: string,
  saved: OutputStream,
): Promise<number> {
  const onAll = (sha256: string) => targets.every(({ blobs }) => blobs.has(sha256));
  // Some room, so that a node that is busy for a moment does not stop the others.
  const inputs = targets.map(() => new PassThrough({ highWaterMark: 4 * 1024 * 1024 }));
  const imports = targets.map(({ node }, index) =>
    importOnto(node, platform, inputs[index] as PassThrough, references),
  );
  let bytes = 0;
  const count = (size: number) => {
    bytes += size;
  };
  try {
    await Promise.all([saved.done, pipeline(saved.output, withoutBlobs(onAll), fanOut(inputs, count)), ...imports]);
    return bytes;
  } catch (cause) {
    for (const input of inputs) input.destroy();
    throw new FaultlineError("cluster", `images could not be loaded: ${messageOf(cause)}`, { cause });
  }
}

/** Writes every chunk to all targets and waits for the slowest. */
function fanOut(targets: readonly PassThrough[], count: (bytes: number) => void) {
  return async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) {
      count(chunk.length);
      const full = targets.filter((target) => !target.destroyed && !target.write(chunk));
      await Promise.all(full.map(drained));
    }
    for (const target of targets) target.end();
  };
}

/** A target that closed needs no more; why it closed is for its importer to say. */
async function drained(target: PassThrough): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  const ignore = () => undefined;
  await Promise.race([
    once(target, "drain", { signal }).catch(ignore),
    once(target, "close", { signal }).catch(ignore),
  ]);
  settled.abort();
}

/**
 * One platform only: an image from a containerd image store may list others whose content is not here. `--local`, where
 * ctr has it (containerd 2), takes half the time of handing the archive to the daemon through its transfer service.
 */
async function importOnto(
  node: string,
  platform: string,
  input: PassThrough,
  references: readonly string[],
): Promise<void> {
  const script = `ctr images import --help | grep -q -e --local && local=--local
    ctr --namespace k8s.io images import $local --platform ${platform} - >/dev/null && crictl images --output json`;
  const args = ["exec", "--interactive", node, "sh", "-c", script];
  let { stdout: shown } = await docker(args, { timeoutMs: LOAD_TIMEOUT_MS, input });
  // Kubelet's runtime hears of an import through an event, mostly before it is asked and sometimes after.
  await waitFor({
    what: `node ${node} shows the images that were loaded`,
    timeoutMs: SHOWN_TIMEOUT_MS,
    everyMs: 200,
    probe: async () => {
      const lacks = lacking({ tags: tagsOf(shown) }, references);
      if (lacks.length === 0) return { done: true, value: undefined };
      shown = (await docker(["exec", node, "crictl", "images", "--output", "json"], { timeoutMs: LOOK_TIMEOUT_MS }))
        .stdout;
      return { done: false, saw: `${lacks.join(", ")} missing; see: docker exec ${node} crictl images` };
    },
  });
}

async function serverPlatform(): Promise<string> {
  const { stdout } = await docker(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"]);
  return stdout.trim();
}

/** A reference as the node's runtime writes it: with registry, repository and tag. */
export function fullReference(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = rest.length === 0 ? `library/${reference}` : reference;
  const full = hasRegistry ? reference : `docker.io/${path}`;
  return /:[^/]*$/.test(full) || full.includes("@") ? full : `${full}:latest`;
}
