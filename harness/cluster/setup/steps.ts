/** The steps of setting up, as data: what each needs, how to see that it is done, how to do it. */
import { exec } from "../exec.ts";
import { binFolder } from "../paths.ts";
import { aptInstall, shownCommands } from "./apt.ts";
import { resolveImages, type Surroundings } from "./images.ts";
import { findProgram } from "./machine.ts";
import { goInstall } from "./programs.ts";
import { versions } from "./recipe.ts";
import { imageStep, type Step } from "./step.ts";
import { engineSteps, inotifyStep } from "./steps-engine.ts";
import { BUILD_TOOLS, packagesStep, stepsFromPackages } from "./steps-from-packages.ts";

/** What the machine is set up for: to run experiments, to run the project's tests as well, or its benchmarks as well. */
export type Purpose = "run" | "test" | "bench";

/** All steps for a machine in these surroundings, most expensive first. */
export function setupSteps(surroundings: Surroundings, purpose: Purpose): Step[] {
  const isBuilt = surroundings === "packages";
  const images = isBuilt ? stepsFromPackages() : stepsFromRegistry(surroundings);
  return [
    ...images,
    ...engineSteps(),
    packagesStep(isBuilt ? BUILD_TOOLS : {}),
    inotifyStep(),
    ...purposeSteps(purpose),
  ];
}

export function stepsFromRegistry(surroundings: Surroundings): Step[] {
  const images = resolveImages(surroundings);
  const pull = (id: string, image: string): Step => ({
    ...imageStep(`pull-${id}`, `pull ${image}`, image),
    needs: ["engine"],
    run: async (context) => {
      await exec("docker", ["pull", image], { timeoutMs: 20 * 60_000, onLine: context.report, signal: context.signal });
    },
    fix: `make ${image} reachable; FAULTLINE_IMAGE_MIRROR and FAULTLINE_NODE_IMAGE name another place`,
  });
  return [
    pull("node-image", images.nodeImage),
    pull("traefik", images.traefikImage),
    pull("node-base", images.nodeBaseImage),
    {
      ...goProgram("kind", "sigs.k8s.io/kind", versions.kind()),
      fix: "install kind (kind.sigs.k8s.io), or Go 1.21 or newer so that it can be built",
    },
  ];
}

function purposeSteps(purpose: Purpose): Step[] {
  if (purpose === "run") return [];
  if (purpose === "bench") return [goProgram("vegeta", "github.com/tsenart/vegeta/v12", versions.vegeta)];
  const chromium: Step = {
    id: "chromium",
    title: "Chromium, in which the tests open reports",
    needs: ["packages", "engine-install"],
    goal: true,
    isDone: async () => ["chromium", "google-chrome"].some((name) => findProgram(name) !== undefined),
    systemCommands: async () => shownCommands({ packages: ["chromium"] }),
    run: (context) => aptInstall({ packages: ["chromium"] }, context),
    fix: "install Chromium or Chrome by hand, then run `faultline setup` again",
  };
  return [chromium, goProgram("registry", "github.com/distribution/distribution/v3/cmd/registry", versions.registry)];
}

/** A program that is built from its Go module into `binFolder()`. */
function goProgram(name: string, module: string, version: string): Step {
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
