/** The steps of setting up, as data: what each needs, how to see that it is done, how to do it. */
import { aptInstall, shownCommands } from "./apt.ts";
import type { Surroundings } from "./images.ts";
import { findProgram } from "./machine.ts";
import { versions } from "./recipe.ts";
import type { Step } from "./step.ts";
import { engineSteps, inotifyStep } from "./steps-engine.ts";
import { BUILD_TOOLS, packagesStep, stepsFromPackages } from "./steps-from-packages.ts";
import { goProgram, stepsFromRegistry } from "./steps-from-registry.ts";

/** What the machine is set up for: to run experiments, to run the project's tests as well, or its benchmarks as well. */
export type Purpose = "run" | "test" | "bench";

/** All steps for a machine in these surroundings, most expensive first. */
export function setupSteps(surroundings: Surroundings, purpose: Purpose): Step[] {
  const isBuilt = surroundings === "packages";
  const images = isBuilt ? stepsFromPackages() : stepsFromRegistry(surroundings);
  return [
    ...images,
    packagesStep(isBuilt ? BUILD_TOOLS : {}),
    ...engineSteps(),
    inotifyStep(),
    ...purposeSteps(purpose),
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
