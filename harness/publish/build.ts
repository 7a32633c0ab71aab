/**
 * `npm run build`: the package as it is published, in `dist`. Node strips no types below `node_modules`, so that modules
 * are compiled; what goes into images, onto nodes or before a reader's eyes stays as it is, in the same places.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exec } from "../cluster/exec.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const COMPILE_TIMEOUT_MS = 180_000;
/** For those who develop the harness, not for those who use it. */
const NOT_PUBLISHED = /^harness\/(testing|bench|publish)\/|^harness\/tidy|\.test\.ts$|(^|\/)node_modules(\/|$)/;
/** Folders whose TypeScript is copied too: images are made of it, or users start from it. */
const FOLDERS = ["harness", "kind-config", "experiments"];
const PAGES = ["README.md", "CHANGELOG.md", "LICENSE"];

/** @throws FaultlineError `command-failed` with the compiler's errors. */
async function buildPackage(into: string): Promise<void> {
  rmSync(into, { recursive: true, force: true });
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  await exec(tsc, ["-p", "tsconfig.build.json", "--outDir", into], { cwd: ROOT, timeoutMs: COMPILE_TIMEOUT_MS });
  for (const path of [...FOLDERS.flatMap(filesBelow), ...PAGES]) {
    const target = join(into, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(ROOT, path), target);
  }
  writeFileSync(join(into, "package.json"), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
}

/**
 * A project folder in which the package is installed, as far as Node can tell: built below its node_modules, beside what
 * it depends on. @returns the command's file.
 */
export async function installBuilt(project: string): Promise<string> {
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  await buildPackage(join(modules, "faultline"));
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  return join(modules, "faultline", "harness/cli/bin.mjs");
}

/** Paths from the root of the checkout. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .filter((path) => !NOT_PUBLISHED.test(path) && !(isModule(path) && folder === "harness" && !inImage(path)));
}

/** What images are made by is part of their names: the sources of that are in the package as well. */
const isModule = (path: string) => path.endsWith(".ts") && !path.startsWith("harness/cluster/setup/");

/** Docker copies the sources: in an image they are not below node_modules. */
const inImage = (path: string) => readdirSync(dirname(join(ROOT, path))).includes("Dockerfile");

function publishedManifest() {
  const {
    scripts: _scripts,
    devDependencies: _tools,
    ...manifest
  } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  return { ...manifest, exports: { ".": { types: "./harness/index.d.ts", default: "./harness/index.js" } } };
}

if (import.meta.main) await buildPackage(join(ROOT, "dist"));
