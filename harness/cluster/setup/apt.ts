/** System packages on Debian and Ubuntu: what would be installed, whether we may, and installing it. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { exec } from "../exec.ts";
import { home } from "../paths.ts";
import { debianMirror } from "./debian.ts";
import { hasApt, type Release } from "./machine.ts";
import type { StepContext } from "./step.ts";

export interface AptRequest {
  readonly packages: readonly string[];
  /** Another release's packages, through lists of their own; the machine's own sources stay as they are. */
  readonly suite?: string;
}

/** dpkg's lock is often held for a minute by unattended upgrades. */
const LOCK_OPTION = "DPkg::Lock::Timeout=600";

/** The commands that install a request, as they are run and as they are shown. */
export function aptCommands(request: AptRequest): { readonly update: string[]; readonly install: string[] } {
  const options = ["-o", LOCK_OPTION, ...(request.suite === undefined ? [] : suiteOptions(request.suite))];
  const quiet = ["--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"];
  return {
    update: ["apt-get", "update", ...options],
    install: ["apt-get", "install", ...quiet, ...options, ...request.packages],
  };
}

/** The same commands as a person would type them, the file that names another release included. */
export async function shownCommands(request: AptRequest): Promise<string[]> {
  const { update, install } = aptCommands(request);
  const commands = [update, install].map((command) => command.join(" "));
  if (request.suite === undefined) return commands;
  const folder = suiteFolder(request.suite);
  const lines = (await suiteSource(request.suite)).map((line) => `'${line}'`).join(" ");
  return [`mkdir -p ${folder}/lists/partial`, `printf '%s\\n' ${lines} > ${folder}/suite.sources`, ...commands];
}

const suiteFolder = (suite: string): string => join(home(), "setup", `apt-${suite}`);

function suiteOptions(suite: string): string[] {
  const settings = {
    "Dir::Etc::sourcelist": join(suiteFolder(suite), "suite.sources"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State::lists": join(suiteFolder(suite), "lists"),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** The version that apt would install, or undefined when it knows none: no such package, or no lists yet. */
export async function aptCandidate(name: string): Promise<string | undefined> {
  const { stdout } = await exec("apt-cache", ["policy", name], { timeoutMs: 30_000 });
  const candidate = /^ +Candidate: (\S+)$/m.exec(stdout)?.[1];
  return candidate === "(none)" ? undefined : candidate;
}

/** Fetches the lists where there are none yet. */
export async function aptUpdate(context: StepContext): Promise<void> {
  const options = { timeoutMs: 10 * 60_000, onLine: context.report, signal: context.signal };
  await exec("apt-get", ["update", "-o", LOCK_OPTION], options);
}

/** Installs; only when the lists at hand do not suffice are they fetched anew. */
export async function aptInstall(request: AptRequest, context: StepContext): Promise<void> {
  const { update, install } = aptCommands(request);
  if (request.suite !== undefined) await writeSuite(request.suite);
  const run = async (command: readonly string[], accept: readonly number[] | "any") =>
    exec(command[0] ?? "", command.slice(1), {
      accept,
      timeoutMs: 20 * 60_000,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      onLine: context.report,
      signal: context.signal,
    });
  if (request.suite === undefined && (await run(install, "any")).exitCode === 0) return;
  // An earlier setup may have been cut off within dpkg; apt refuses until that is finished.
  await run(["dpkg", "--configure", "-a"], "any");
  await run(update, [0]);
  await run(install, [0]);
}

async function writeSuite(suite: string): Promise<void> {
  await mkdir(join(suiteFolder(suite), "lists", "partial"), { recursive: true });
  await writeFile(join(suiteFolder(suite), "suite.sources"), `${(await suiteSource(suite)).join("\n")}\n`);
}

async function suiteSource(suite: string): Promise<string[]> {
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  return [
    "Types: deb",
    `URIs: ${await debianMirror()}`,
    `Suites: ${suite}`,
    "Components: main",
    `Signed-By: ${keyring}`,
  ];
}

export interface ConsentFacts {
  readonly isRoot: boolean;
  readonly release: Release;
  /** `--yes` was given. */
  readonly yes: boolean;
  /** There is a terminal on which to ask. */
  readonly isTerminal: boolean;
}

export type Consent =
  | { readonly kind: "granted" }
  | { readonly kind: "ask" }
  | { readonly kind: "refused"; readonly because: string };

/** Whether system commands may run: only as root, only on Debian or Ubuntu, only with a yes. */
export function consent(facts: ConsentFacts): Consent {
  if (!hasApt(facts.release)) {
    return { kind: "refused", because: `${facts.release.name} is neither Debian nor Ubuntu` };
  }
  if (!facts.isRoot) return { kind: "refused", because: "only root may install system packages" };
  if (facts.yes) return { kind: "granted" };
  return facts.isTerminal ? { kind: "ask" } : { kind: "refused", because: "neither --yes nor a terminal to ask on" };
}

/** The error that hands the commands over to the user. */
export function refusal(because: string, commands: readonly string[]): FaultlineError {
  const list = commands.map((command) => `  ${command}`).join("\n");
  return new FaultlineError("setup", `not done here: ${because}. What is to be run as root:\n${list}`, {
    fix: "run these commands, or `faultline setup --yes` as root on Debian or Ubuntu, then `faultline setup` again",
    context: { commands },
  });
}
