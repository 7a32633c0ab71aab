/** Steps where an image registry or a mirror answers: images are pulled, only kind may have to be built. */
import { exec } from "../exec.ts";
import { binFolder } from "../paths.ts";
import { resolveImages, type Surroundings } from "./images.ts";
import { findProgram } from "./machine.ts";
import { goInstall } from "./programs.ts";
import { versions } from "./recipe.ts";
import { imageStep, type Step } from "./step.ts";

export function stepsFromRegistry(surroundings: Surroundings): Step[] {
  const images = resolveImages(surroundings);
  return [
    pullStep("node-image", images.nodeImage),
    pullStep("traefik", images.traefikImage),
    pullStep("node-base", images.nodeBaseImage),
    {
      ...goProgram("kind", "sigs.k8s.io/kind", versions.kind()),
      fix: "install kind (kind.sigs.k8s.io), or Go 1.21 or newer so that it can be built",
    },
  ];
}

/** Pulls an image under its own name. */
export function pullStep(id: string, image: string): Step {
  return {
    ...imageStep(`pull-${id}`, `pull ${image}`, image),
    needs: ["engine"],
    run: async (context) => {
      await exec("docker", ["pull", image], { timeoutMs: 20 * 60_000, onLine: context.report, signal: context.signal });
    },
    fix: `make ${image} reachable; FAULTLINE_IMAGE_MIRROR and FAULTLINE_NODE_IMAGE name another place`,
  };
}

/** A program that is built from its Go module into `binFolder()`. */
export function goProgram(name: string, module: string, version: string): Step {
  return {
    id: name,
    title: `${name} ${version}`,
    needs: [],
    goal: true,
    isDone: async () => findProgram(name, [binFolder()]) !== undefined,
    run: (context) => goInstall(module, version, name, context),
    fix: "install Go 1.21 or newer and make its module proxy reachable",
  };
}
