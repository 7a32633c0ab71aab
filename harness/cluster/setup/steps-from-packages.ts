/**
 * Steps where no image registry can be reached: everything is built from package registries.
 * What runs Debian's programs waits for the engine's installation, which may exchange libc6 and dpkg under them.
 */
import { existsSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { binFolder } from "../paths.ts";
import { aptInstall, shownCommands } from "./apt.ts";
import { makeSystem } from "./debian.ts";
import { resolveImages } from "./images.ts";
import { findProgram } from "./machine.ts";
import { buildNodeImage } from "./node-image.ts";
import { buildPrograms, linkKind, programsFolder } from "./programs.ts";
import { makeProxyRoot } from "./proxy-root.ts";
import { packageList, programsKey, proxyRootKey, rootFilesystemKey, versions } from "./recipe.ts";
import { buildNodeBaseImage, buildTraefikImage } from "./small-images.ts";
import { imageStep, NETWORK_FIX, type Step } from "./step.ts";
import { pullStep } from "./steps-from-registry.ts";
import { isCached, makeCached } from "./workspace.ts";

/** What the builds call, a program or a file, and the Debian package that brings it. */
export const BUILD_TOOLS: Readonly<Record<string, string>> = {
  mmdebstrap: "mmdebstrap",
  strip: "binutils",
  python3: "python3",
  pip3: "python3-pip",
  mvn: "maven",
  javac: "default-jdk-headless",
  "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
};

export function stepsFromPackages(): Step[] {
  const images = resolveImages("packages");
  return [
    {
      id: "programs",
      title: `Go programs: Kubernetes ${versions.kubernetes()}, containerd, etcd, CoreDNS, kind`,
      needs: [],
      isDone: async () => isCached("programs", programsKey()),
      async run(context) {
        if (findProgram("go") === undefined)
          throw new FaultlineError("setup", "there is no Go here", { fix: "install Go 1.21 or newer" });
        await buildPrograms(context);
      },
      fix: NETWORK_FIX,
    },
    {
      id: "kind",
      title: `kind ${versions.kind()}`,
      needs: ["programs"],
      goal: true,
      isDone: async () => {
        const target = await readlink(join(binFolder(), "kind")).catch(() => "");
        return isCached("programs", programsKey()) && target === join(programsFolder(), "kind");
      },
      run: linkKind,
      fix: "make the harness's state folder writable",
    },
    {
      id: "root",
      title: "root file system of a node",
      needs: ["packages", "engine-install"],
      isDone: async () => isCached("root", rootFilesystemKey()),
      run: (context) =>
        makeCached("root", rootFilesystemKey(), (folder) =>
          makeSystem(packageList("packages-node.txt"), join(folder, "root.tar"), context),
        ),
      fix: NETWORK_FIX,
    },
    {
      id: "proxy-root",
      title: "root file system of kube-proxy",
      needs: ["packages", "engine-install"],
      isDone: async () => isCached("proxy-root", proxyRootKey()),
      run: (context) => makeCached("proxy-root", proxyRootKey(), (folder) => makeProxyRoot(folder, context)),
      fix: NETWORK_FIX,
    },
    // An image of the user's own is never built under that name.
    process.env.FAULTLINE_NODE_IMAGE === undefined
      ? nodeImageStep(images.nodeImage)
      : pullStep("node-image", images.nodeImage),
    {
      ...imageStep("traefik", `Traefik ${versions.traefik}`, images.traefikImage),
      needs: ["engine", "packages"],
      run: (context) => buildTraefikImage(images.traefikImage, context),
      fix: NETWORK_FIX,
    },
    {
      ...imageStep("node-base", `Node ${versions.node()} base image`, images.nodeBaseImage),
      needs: ["engine", "packages"],
      run: (context) => buildNodeBaseImage(images.nodeBaseImage, context),
      fix: NETWORK_FIX,
    },
  ];
}

function nodeImageStep(image: string): Step {
  return {
    ...imageStep("node-image", "node image", image),
    needs: ["engine", "programs", "root", "proxy-root"],
    run: (context) => buildNodeImage(image, context),
    fix: "run `faultline setup` again; if it fails at the same place, `docker system df` and `df` show whether disk is left",
  };
}

/** @param tools as `BUILD_TOOLS`; where nothing is built there are none. */
export function packagesStep(tools: Readonly<Record<string, string>>): Step {
  const isThere = (tool: string): boolean =>
    tool.startsWith("/") ? existsSync(tool) : findProgram(tool) !== undefined;
  const missing = (): string[] =>
    Object.entries(tools)
      .filter(([tool]) => !isThere(tool))
      .map(([, name]) => name);
  return {
    id: "packages",
    title: "Debian packages that builds need",
    needs: [],
    isDone: async () => missing().length === 0,
    systemCommands: async () => shownCommands({ packages: missing() }),
    run: (context) => aptInstall({ packages: missing() }, context),
    fix: NETWORK_FIX,
  };
}
