/** Steps towards a Docker engine that answers, and limits of the kernel under which several nodes fit. */
import { exec } from "../exec.ts";
import { aptCandidate, aptInstall, aptUpdate, shownCommands } from "./apt.ts";
import { engineInstalled, engineLog, engineRequest, engineVersion, startCommand, startEngine } from "./engine.ts";
import { lowInotifyLimits } from "./machine.ts";
import type { Step } from "./step.ts";

/** The engine is installed after the other packages: apt does one thing at a time. */
export function engineSteps(): Step[] {
  return [
    {
      id: "engine-install",
      title: "Docker engine: install",
      needs: ["packages"],
      isDone: async () => engineInstalled() || (await engineVersion()) !== undefined,
      systemCommands: async () => shownCommands(await engineRequest()),
      async run(context) {
        if ((await aptCandidate("docker.io")) === undefined) await aptUpdate(context);
        await aptInstall(await engineRequest(), context);
      },
      fix: "install a Docker engine, 23 or newer, by hand (docs.docker.com/engine/install), then run `faultline setup` again",
    },
    startEngineStep(),
  ];
}

export function startEngineStep(): Step {
  return {
    id: "engine",
    title: "Docker engine: start",
    needs: ["engine-install"],
    goal: true,
    isDone: async () => (await engineVersion()) !== undefined,
    systemCommands: async () => [startCommand()],
    run: startEngine,
    fix: `read ${engineLog()}; an engine needs root, or a user in the group docker where one runs already`,
  };
}

export function inotifyStep(): Step {
  const command = (): string => `sysctl -w ${lowInotifyLimits().join(" ")}`;
  return {
    id: "inotify",
    title: "inotify limits",
    needs: [],
    goal: true,
    isDone: async () => lowInotifyLimits().length === 0,
    systemCommands: async () => [command()],
    async run() {
      await exec("sysctl", ["-w", ...lowInotifyLimits()], { timeoutMs: 10_000 });
    },
    fix: "run as root the sysctl command that `faultline setup` shows; a container that may not, needs it on its host",
  };
}
