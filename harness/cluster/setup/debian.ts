/** Debian's packages as root file systems, through mmdebstrap and the machine's own mirror. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exec } from "../exec.ts";
import { DEBIAN_SUITE } from "./recipe.ts";
import type { StepContext } from "./step.ts";

const DEFAULT_MIRROR = "http://deb.debian.org/debian";
const SOURCES = "/etc/apt";

/** A bootable system of `packages` with their maintainer scripts run, as a tar. */
export async function makeSystem(packages: readonly string[], tar: string, context: StepContext): Promise<void> {
  await mmdebstrap("minbase", packages, tar, context);
}

/** The files of `packages` and what they depend on, no script run, as a folder. A tenth of a system's size. */
export async function extractFiles(packages: readonly string[], folder: string, context: StepContext): Promise<void> {
  await mmdebstrap("extract", packages, folder, context);
}

/**
 * Stopped or killed, mmdebstrap leaves children at work, and proc, sys and dev mounted in what it made; in namespaces
 * of its own all of that ends with it.
 */
const OWN_NAMESPACES = ["--mount", "--propagation", "private", "--pid", "--mount-proc", "--fork", "--kill-child"];

async function mmdebstrap(variant: string, packages: readonly string[], target: string, context: StepContext) {
  const withoutDocs = ["man", "doc", "locale", "info"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  const options = [`--variant=${variant}`, `--include=${packages.join(",")}`, ...withoutDocs];
  const build = [...options, DEBIAN_SUITE, target, await debianMirror()];
  const args = [...OWN_NAMESPACES, "mmdebstrap", ...build];
  await exec("unshare", args, {
    timeoutMs: 15 * 60_000,
    // Its own work folder beside the result: what a killed one leaves is removed with the rest.
    env: { TMPDIR: dirname(target) },
    onLine: context.report,
    signal: context.signal,
  });
}

/** The mirror that this machine's apt uses for Debian, else Debian's own. */
export async function debianMirror(): Promise<string> {
  const files = [
    "sources.list",
    ...(await readdir(join(SOURCES, "sources.list.d")).catch(() => [])).map((name) => join("sources.list.d", name)),
  ];
  const texts = await Promise.all(files.map((file) => readFile(join(SOURCES, file), "utf8").catch(() => "")));
  return mirrorIn(texts.join("\n")) ?? DEFAULT_MIRROR;
}

/** The first Debian archive in apt's sources, in either of the two formats that apt reads. */
export function mirrorIn(sources: string): string | undefined {
  const addresses = [...sources.matchAll(/^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)/gm)].map((match) => match[1] ?? "");
  return addresses.map((address) => address.replace(/\/+$/, "")).find((address) => address.endsWith("/debian"));
}
