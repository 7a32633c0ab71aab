/** Base images of languages other than Node's, from Debian's packages: the run time and the libraries that it loads. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../exec.ts";
import { type ImageConfig, packLayer, writeArchive } from "./archive.ts";
import { extractFiles } from "./debian.ts";
import { JAVA_PACKAGES, PYTHON_PACKAGES } from "./recipe.ts";
import type { StepContext } from "./step.ts";
import { inWorkFolder } from "./workspace.ts";

const JDK = "usr/lib/jvm/java-17-openjdk-amd64";
/** What HTTP servers and SDKs use; with all of them the image is four times as large. `java.desktop` for JavaBeans alone. */
const MODULES =
  "java.base,java.desktop,java.logging,java.management,java.naming,java.sql,java.xml,jdk.httpserver,jdk.unsupported";
/** Of no use without a shell and a package manager. */
const UNUSED = ["usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/lib/x86_64-linux-gnu/gconv", "var", "etc"];

/** A JVM linked from the modules that services use, and the C libraries that it loads. */
export async function buildJavaBase(image: string, context: StepContext): Promise<void> {
  await inWorkFolder("java-base", async (folder) => {
    const [jdk, root] = [join(folder, "jdk"), join(folder, "root")];
    await extractFiles(JAVA_PACKAGES.build, jdk, context);
    await mkdir(join(jdk, "proc"), { recursive: true });
    await inRoot(jdk, [
      ...[`/${JDK}/bin/jlink`, "--add-modules", MODULES, "--output", "/java"],
      ...["--strip-java-debug-attributes", "--no-man-pages", "--no-header-files", "--compress=2"],
    ]);
    await extractFiles(JAVA_PACKAGES.run, root, context);
    await mkdir(join(root, "opt"), { recursive: true });
    await exec("mv", [join(jdk, "java"), join(root, "opt/java")], { timeoutMs: 60_000 });
    await mkdir(join(root, "tmp"), { recursive: true });
    await pack(folder, image, { Env: ["PATH=/opt/java/bin:/usr/bin:/bin"], Entrypoint: ["/opt/java/bin/java"] });
  });
}

/** Python and its standard library. */
export async function buildPythonBase(image: string, context: StepContext): Promise<void> {
  await inWorkFolder("python-base", async (folder) => {
    await extractFiles(PYTHON_PACKAGES, join(folder, "root"), context);
    await mkdir(join(folder, "root/tmp"), { recursive: true });
    await pack(folder, image, {
      Env: ["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"],
      Entrypoint: ["/usr/bin/python3"],
    });
  });
}

/** A program of an extracted system, with a view of processes of its own. */
async function inRoot(root: string, argv: readonly string[]): Promise<void> {
  const alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  const args = [...alone, `--mount-proc=${join(root, "proc")}`, "chroot", root, ...argv];
  await exec("unshare", args, { timeoutMs: 10 * 60_000 });
}

async function pack(folder: string, image: string, config: ImageConfig): Promise<void> {
  const root = join(folder, "root");
  for (const unused of UNUSED) await rm(join(root, unused), { recursive: true, force: true });
  await packLayer(root, folder, "layer");
  const archive = await writeArchive(folder, [{ tags: [image], layers: ["layer"], config }]);
  await exec("docker", ["load", "--quiet", "--input", archive], { timeoutMs: 10 * 60_000 });
}
