/**
 * Node images with the images of a run already inside, cached by content, so that a new cluster loads nothing.
 *
 * kind mounts a volume over /var, and Docker copies into it what the image has there, for every node at every boot. So
 * containerd's blobs and unpacked layers lie outside of /var, in one read-only place that all nodes share, and
 * /var/lib/containerd only links to them: nothing is copied at boot, and nothing is unpacked when a pod starts. Where
 * nodes cannot use the overlay snapshotter the blobs are unpacked at a pod's start, as they would be without this.
 */
import { createHash } from "node:crypto";
import { FaultlineError, messageOf } from "../../errors.ts";
import { docker, imageId, ownerLabels } from "../docker.ts";
import { exec, execStream } from "../exec.ts";
import { LABEL_CLUSTER, LABEL_OWNER, OWNER } from "../labels.ts";
import { LABEL_PROCESS } from "../owner.ts";
import { IMAGE_PREFIX } from "./build.ts";

/** Marks node images made here; value: the image that it was made from. */
export const LABEL_BAKED_FROM = "faultline.dev/baked-from";
/** Part of the cache's key: raised with every change of what baking does. */
const RECIPE = "2";
const BAKE_TIMEOUT_MS = 600_000;

/** Runs in a container of the node image; images, if any, come as a tar on standard input. */
const SCRIPT = `
set -eu
old=/var/lib/containerd new=/bake/containerd kept=/faultline
cp -a "$old" "$new"
containerd --root "$new" >/bake/log 2>&1 &
for _ in $(seq 200); do ctr version >/dev/null 2>&1 && break; sleep 0.05; done
ctr version >/dev/null 2>&1 || { cat /bake/log >&2; exit 1; }
if [ "$WITH_IMAGES" = yes ]; then
  ctr -n k8s.io images import --platform "$PLATFORM" --label=io.cri-containerd.pinned=pinned --no-unpack - >/dev/null
fi
for digest in $(ctr -n k8s.io images ls | awk 'NR > 1 { print $3 }' | sort -u); do
  ctr -n k8s.io snapshots --snapshotter overlayfs unpack "$digest" >/dev/null 2>&1 || true
done
kill %1; wait %1 || true
keep() { # FOLDER KEPT: moves what is no link yet, and links to it
  mkdir -p "$2"; [ -d "$1" ] || return 0
  for path in "$1"/*; do
    if [ -e "$path" ] && [ ! -L "$path" ]; then mv "$path" "$2/"; ln -s "$2/\${path##*/}" "$path"; fi
  done
}
keep "$new/io.containerd.content.v1.content/blobs/sha256" "$kept/blobs"
keep "$new/io.containerd.snapshotter.v1.overlayfs/snapshots" "$kept/snapshots"
rm -rf "$old"; cp -a "$new" "$old"
`;

/**
 * The node image with these images inside, made if it is not here yet. With no images: the node image as ours, which
 * is what marks a cluster's containers.
 * @param references tags of local images.
 * @returns its tag.
 * @throws FaultlineError `cluster` when an image is not here or baking fails.
 */
export async function bakeNodeImage(
  nodeImage: string,
  references: readonly string[],
  onProgress: (line: string) => void,
): Promise<string> {
  const ids = await Promise.all([nodeImage, ...references].map(requireImage));
  const key = createHash("sha256")
    .update([RECIPE, ...ids, ...references].join("\n"))
    .digest("hex")
    .slice(0, 12);
  const tag = `${IMAGE_PREFIX}node-with:${key}`;
  if ((await imageId(tag)) !== null) return tag;
  onProgress(
    references.length === 0 ? "preparing the node image" : `putting ${references.join(", ")} into the node image`,
  );
  await bake(nodeImage, references, tag);
  return tag;
}

async function requireImage(reference: string): Promise<string> {
  const id = await imageId(reference);
  if (id !== null) return id;
  throw new FaultlineError("cluster", `image ${reference} is not on this machine`, {
    fix: "Build or pull it first; what the harness itself needs comes with `faultline setup`.",
  });
}

interface ImageConfig {
  readonly Entrypoint: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
}

async function bake(nodeImage: string, references: readonly string[], tag: string): Promise<void> {
  const inspected = await docker([
    "image",
    "inspect",
    "--format",
    "{{json .Config}} {{.Os}}/{{.Architecture}}",
    nodeImage,
  ]);
  const [, json = "{}", platform = "linux/amd64"] = /^(\{.*\}) (\S+)$/.exec(inspected.stdout.trim()) ?? [];
  const config = JSON.parse(json) as ImageConfig;
  const started = await docker([
    ...["run", "--detach", "--privileged", "--security-opt", "seccomp=unconfined", "--network", "none"],
    // A volume, because the overlay snapshotter cannot work on a container's own file system; gone with the container.
    ...["--mount", "type=volume,dst=/bake", ...ownerLabels(), "--entrypoint", "sleep", nodeImage, "infinity"],
  ]);
  const container = started.stdout.trim();
  try {
    await importInto(container, references, platform);
    const labels = {
      ...{ [LABEL_OWNER]: OWNER, [LABEL_CLUSTER]: "node", [LABEL_BAKED_FROM]: nodeImage },
      // The container's labels become the image's, and every node's: none of them belongs to the process that bakes.
      [LABEL_PROCESS]: "",
    };
    const changes = [
      `ENTRYPOINT ${JSON.stringify(config.Entrypoint ?? [])}`,
      `CMD ${JSON.stringify(config.Cmd ?? [])}`,
      ...Object.entries(labels).map(([key, value]) => `LABEL ${key}=${value}`),
    ].flatMap((change) => ["--change", change]);
    await docker(["commit", ...changes, container, tag], { timeoutMs: BAKE_TIMEOUT_MS });
  } finally {
    await docker(["rm", "--force", "--volumes", container], { accept: "any" });
  }
}

async function importInto(container: string, references: readonly string[], platform: string): Promise<void> {
  const withImages = references.length > 0;
  const args = [
    ...["exec", "--interactive", "--env", `PLATFORM=${platform}`, "--env", `WITH_IMAGES=${withImages ? "yes" : "no"}`],
    ...[container, "bash", "-c", SCRIPT],
  ];
  const saved = withImages ? execStream("docker", ["save", ...references], { timeoutMs: BAKE_TIMEOUT_MS }) : null;
  try {
    await Promise.all([
      exec("docker", args, { timeoutMs: BAKE_TIMEOUT_MS, ...(saved === null ? {} : { input: saved.output }) }),
      saved?.done,
    ]);
  } catch (cause) {
    throw new FaultlineError("cluster", `the node image could not be prepared: ${messageOf(cause)}`, {
      fix: "See whether there is room on the disk (docker system df) and whether privileged containers are allowed.",
      cause,
    });
  }
}

interface BakedImage {
  readonly tag: string;
  readonly from: string;
  readonly createdAt: string;
}

/**
 * Removes node images made here, all but the newest few, those in use, and those that others were made from.
 * @returns tags removed.
 */
export async function removeOldBakedImages(keep: number): Promise<readonly string[]> {
  const images = [...(await bakedImages())].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  const used = new Set((await docker(["ps", "--all", "--format", "{{.Image}}"])).stdout.split("\n"));
  const wanted = new Set(
    images.filter((image, index) => index < keep || used.has(image.tag)).map((image) => image.tag),
  );
  const parents = new Set(images.filter((image) => wanted.has(image.tag)).map((image) => image.from));
  const old = images.filter((image) => !wanted.has(image.tag) && !parents.has(image.tag)).map((image) => image.tag);
  if (old.length > 0) await docker(["image", "rm", ...old], { accept: "any" });
  return old;
}

async function bakedImages(): Promise<readonly BakedImage[]> {
  const listed = await docker([
    ...["image", "ls", "--filter", `label=${LABEL_BAKED_FROM}`, "--filter", `label=${LABEL_OWNER}=${OWNER}`],
    ...["--format", "{{.Repository}}:{{.Tag}}"],
  ]);
  const tags = listed.stdout.split("\n").filter((tag) => tag.startsWith(IMAGE_PREFIX));
  if (tags.length === 0) return [];
  const format = `{{index .Config.Labels "${LABEL_BAKED_FROM}"}} {{.Created}}`;
  const { stdout } = await docker(["image", "inspect", "--format", format, ...tags]);
  return stdout.split("\n").map((line, index) => {
    const [from = "", createdAt = ""] = line.split(" ");
    return { tag: tags[index] as string, from, createdAt };
  });
}
