/** The Go programs of the node image, kind among them: one go.mod, so that shared packages are compiled once. */
import { cp, mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../exec.ts";
import { binFolder } from "../paths.ts";
import { GO_PACKAGES, goBuildFlags, programsKey, recipeFolder } from "./recipe.ts";
import type { StepContext } from "./step.ts";
import { cached, makeCached } from "./workspace.ts";

/** The folder with the built programs; `kind-files/` in it are the files that kind ships for node images. */
export const programsFolder = (): string => cached("programs", programsKey());

/** Seven minutes of two idle cores when nothing is compiled yet; what Go's own cache holds is not compiled again. */
export async function buildPrograms(context: StepContext): Promise<void> {
  await makeCached("programs", programsKey(), async (folder) => {
    // The compiler's work folder beside the result: what a killed one leaves is removed with the rest.
    const env = { CGO_ENABLED: "0", GOTMPDIR: folder };
    const run = { cwd: recipeFolder, env, signal: context.signal };
    const args = ["build", "-v", ...goBuildFlags(), "-o", `${folder}/`, ...Object.keys(GO_PACKAGES)];
    let compiled = 0;
    await exec("go", args, {
      ...run,
      timeoutMs: 60 * 60_000,
      onLine: (line) => context.report(line.startsWith("go: ") ? line : `package ${++compiled}: ${line}`),
    });
    const listed = await exec("go", ["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind"], {
      ...run,
      timeoutMs: 60_000,
    });
    // The module cache is read-only, and so would be its copy.
    const files = join(folder, "kind-files");
    await cp(join(listed.stdout.trim(), "images/base/files"), files, { recursive: true });
    await exec("chmod", ["-R", "u+w", files], { timeoutMs: 10_000 });
  });
}

/** Puts kind where it is looked for. A link that is replaced in one rename, so that there is always one. */
export async function linkKind(): Promise<void> {
  await mkdir(binFolder(), { recursive: true });
  const fresh = join(binFolder(), `.kind-${process.pid}`);
  await rm(fresh, { force: true });
  await symlink(join(programsFolder(), "kind"), fresh);
  await rename(fresh, join(binFolder(), "kind"));
}

/** Builds one program from its module into `binFolder()`. */
export async function goInstall(module: string, version: string, name: string, context: StepContext): Promise<void> {
  await mkdir(binFolder(), { recursive: true });
  const aside = join(binFolder(), `.go-install-${name}-${process.pid}`);
  try {
    await exec("go", ["install", "-trimpath", "-ldflags", "-s -w", `${module}@${version}`], {
      env: { CGO_ENABLED: "0", GOBIN: aside },
      timeoutMs: 20 * 60_000,
      onLine: context.report,
      signal: context.signal,
    });
    await rename(join(aside, name), join(binFolder(), name));
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
