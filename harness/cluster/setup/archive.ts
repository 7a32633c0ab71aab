/** Writing container images as files, without an engine: a layer is a tar, an image is a list of layers and a config. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { exec } from "../exec.ts";

export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
}

export interface ImageFile {
  readonly tags: readonly string[];
  /** Names of layers, lowest first. Images that begin with the same layers share them on disk. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/**
 * Writes one archive as `docker load` and `ctr images import` read it.
 * @param folder A work folder that holds `<layer>.tar` for each layer that an image names.
 * @returns The archive's path.
 */
export async function writeArchive(
  folder: string,
  images: readonly ImageFile[],
  signal?: AbortSignal,
): Promise<string> {
  const digests = new Map<string, string>();
  for (const layer of new Set(images.flatMap((image) => image.layers))) {
    digests.set(layer, await sha256(join(folder, `${layer}.tar`)));
  }
  const entries = new Set([...digests.keys()].map((layer) => `${layer}.tar`));
  const manifest: object[] = [];
  for (const image of images) {
    const diffIds = image.layers.map((layer) => `sha256:${digests.get(layer)}`);
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: image.config,
      rootfs: { type: "layers", diff_ids: diffIds },
    });
    const name = `${createHash("sha256").update(config).digest("hex")}.json`;
    await writeFile(join(folder, name), config);
    entries.add(name);
    manifest.push({ Config: name, RepoTags: image.tags, Layers: image.layers.map((layer) => `${layer}.tar`) });
  }
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "images.tar");
  await tar(["-cf", archive, "-C", folder, "manifest.json", ...entries], signal);
  return archive;
}

/** Packs a folder as the layer `<name>.tar` in `into`, owned by root, and with one time, so that equal content is equal bytes. */
export async function packLayer(from: string, into: string, name: string, signal?: AbortSignal): Promise<void> {
  const same = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--sort=name"];
  await tar([...same, "-cf", join(into, `${name}.tar`), "-C", from, "."], signal);
}

/** Links `link` to `target` below `root`, with the folders that it needs. */
export async function linkBelow(root: string, link: string, target: string): Promise<void> {
  await mkdir(join(root, link, ".."), { recursive: true });
  await symlink(target, join(root, link));
}

async function tar(args: readonly string[], signal?: AbortSignal): Promise<void> {
  await exec("tar", args, { timeoutMs: 300_000, ...(signal === undefined ? {} : { signal }) });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
