/** The Docker engine: is it there, does it answer, and starting it where no service manager does. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { exec, startDetached } from "../exec.ts";
import { home } from "../paths.ts";
import { waitFor } from "../wait.ts";
import { type AptRequest, aptCandidate } from "./apt.ts";
import { findProgram, type Release, readRelease } from "./machine.ts";
import type { StepContext } from "./step.ts";

/** An engine under load answers late; one that is not there refuses at once. */
const ANSWER_MS = 15_000;
const START_MS = 60_000;
/** Where the engine writes its own pid and that of the containerd that it starts, each with its program's name. */
const PID_FILES: Readonly<Record<string, string>> = {
  "/var/run/docker.pid": "dockerd",
  "/var/run/docker/containerd/containerd.pid": "containerd",
};

export const engineLog = (): string => join(home(), "dockerd.log");

/** The engine's version, or undefined when none answers. */
export async function engineVersion(): Promise<string | undefined> {
  if (findProgram("docker") === undefined) return undefined;
  const asked = await exec("docker", ["version", "--format", "{{.Server.Version}}"], {
    timeoutMs: ANSWER_MS,
    accept: "any",
  });
  return asked.exitCode === 0 && asked.stdout !== "" ? asked.stdout : undefined;
}

/** Whether there is an engine to start. */
export const engineInstalled = (): boolean =>
  findProgram("dockerd") !== undefined && findProgram("docker") !== undefined;

export interface EngineFacts {
  readonly release: Release;
  /** The version of `docker.io` that apt would install, if it knows one. */
  readonly candidate: string | undefined;
  /** A Docker client is installed already. */
  readonly hasClient: boolean;
}

/**
 * What apt is asked for. Debian 12's own engine, 20.10, starts no privileged container where CAP_SYS_RESOURCE is missing
 * from the bounding set; Debian 13's 26.1 does, and runs on 12. The candidate decides, not the release: with libc6 the
 * file that names the release is upgraded too.
 */
export function enginePackages(facts: EngineFacts): AptRequest {
  const isDebian = facts.release.id === "debian";
  const isOld =
    facts.candidate === undefined ? facts.release.codename === "bookworm" : /^(1|20)\./.test(facts.candidate);
  // Debian 13 made the client a package of its own; everywhere else it comes with the engine.
  const client = isDebian && !facts.hasClient ? ["docker-cli"] : [];
  return { packages: ["docker.io", "iptables", ...client], ...(isDebian && isOld ? { suite: "trixie" } : {}) };
}

/** What this machine's apt is asked for. */
export async function engineRequest(): Promise<AptRequest> {
  const hasClient = findProgram("docker") !== undefined;
  return enginePackages({ release: readRelease(), candidate: await aptCandidate("docker.io"), hasClient });
}

const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/** The command that starts the engine, as it is shown. */
export const startCommand = (): string =>
  hasSystemd() ? "systemctl enable --now docker" : `dockerd >> ${engineLog()} 2>&1 &`;

/** Starts the engine and waits until it answers. Without systemd it runs in a session of its own and outlives us. */
export async function startEngine(context: StepContext): Promise<void> {
  if (hasSystemd()) {
    await exec("systemctl", ["enable", "--now", "docker"], {
      timeoutMs: START_MS,
      onLine: context.report,
      signal: context.signal,
    });
  } else {
    await removeStalePidFiles();
    await mkdir(home(), { recursive: true });
    startDetached(findProgram("dockerd") ?? "dockerd", [], { logFile: engineLog() });
  }
  await waitFor({
    what: `the Docker engine answers (its log: ${engineLog()})`,
    timeoutMs: START_MS,
    everyMs: 250,
    signal: context.signal,
    probe: async () => {
      const value = await engineVersion();
      return value === undefined ? { done: false, saw: await lastLogLine() } : { done: true, value };
    },
  });
}

/** A killed engine leaves its pids; where another process has one by now, a new engine would wait for it or give up. */
async function removeStalePidFiles(): Promise<void> {
  for (const [file, program] of Object.entries(PID_FILES)) {
    const pid = await readFile(file, "utf8").catch(() => undefined);
    if (pid === undefined) continue;
    // Empty for a zombie, which an init that collects nothing keeps for ever and the engine would take for alive.
    const command = await readFile(`/proc/${pid.trim()}/cmdline`, "utf8").catch(() => "");
    if (!command.includes(program)) await rm(file, { force: true });
  }
}

async function lastLogLine(): Promise<string> {
  const log = await readFile(engineLog(), "utf8").catch(() => "");
  return log.trimEnd().split("\n").at(-1) ?? "no answer and an empty log";
}
