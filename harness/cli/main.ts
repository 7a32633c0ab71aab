/** argv → one call → exit code. One file a verb; what a verb needs is loaded only when it is called. */
import { Command, CommanderError, Option } from "commander";
import { FaultlineError, messageOf } from "../errors.ts";
import { ownVersion } from "./versions.ts";

export const EXIT_USAGE = 254;
export const EXIT_INTERNAL = 255;

const collect = (value: string, before: readonly string[]) => [...before, value];
const wholeNumber = (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new FaultlineError("usage", `--seed takes a whole number, not "${text}"`);
  return value;
};

/** Runs one command line and returns its exit code; prints every error in the same form. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const set = (code: number) => {
    exitCode = code;
  };
  try {
    await program(set).parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error, argv.includes("--json"));
  }
}

function program(set: (code: number) => void): Command {
  const root = new Command("faultline")
    .description("Chaos experiments as tests, against real Kubernetes clusters")
    .version(ownVersion())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      "\nExit codes: 0 as expected, 1 violated or not as expected, 2 inconclusive, 3 the cluster was left dirty, 254 usage, 255 the harness broke",
    );
  experimentVerbs(root, set);
  folderVerbs(root, set);
  machineVerbs(root, set);
  clusterVerbs(root, set);
  return root;
}

const SIZE = () => new Option("--size <size>", "a size that the experiment defines").default("full");
const REPORTS = () => new Option("--reports <folder>", "where runs are kept").default("reports");

function experimentVerbs(root: Command, set: (code: number) => void): void {
  root
    .command("run")
    .description("run experiments and write their reports")
    .argument("<experiment...>", "experiment files, or folders of them")
    .addOption(SIZE())
    .addOption(REPORTS())
    .option("--seed <number>", "repeat the choices of an earlier run", wholeNumber)
    .option("--arm <name>", "only this arm; may be given several times", collect, [])
    .option("--cluster <name>", "use this running cluster of ours")
    .option("--keep", "keep the cluster that is created", false)
    .option("--json", "the verdicts as JSON on stdout, progress on stderr", false)
    .action(async (files: string[], options) => set(await (await import("./run.ts")).runCommand(files, options)));
  root
    .command("plan")
    .description("print what would happen, to which objects, for how long; touches nothing")
    .argument("<experiment...>", "experiment files, or folders of them")
    .addOption(SIZE())
    .option("--seed <number>", "repeat the choices of an earlier run", wholeNumber)
    .option("--arm <name>", "only this arm; may be given several times", collect, [])
    .option("--json", "the plan as JSON", false)
    .action(async (files: string[], options) => set(await (await import("./plan.ts")).planCommand(files, options)));
  root
    .command("init")
    .description("write an experiment for a service of one's own, started from a story")
    .argument("[story]", "termination-lag, credential-expiry, pod-ip-lag or hot-node-cascade")
    .option("--into <folder>", "where the files are written", ".")
    .option("--set <key=value>", "an answer; may be given several times", collect, [])
    .option("--yes", "take what is proposed, and ask nothing", false)
    .action(async (story: string | undefined, options) =>
      set(await (await import("./init.ts")).initCommand(story, options)),
    );
  root
    .command("faults")
    .description("list the faults, what each needs, and whether it can work")
    .option("--cluster <name>", "look whether each can work on this cluster of ours")
    .option("--json", "as JSON", false)
    .action(async (options) => set(await (await import("./faults.ts")).faultsCommand(options)));
}

function folderVerbs(root: Command, set: (code: number) => void): void {
  root
    .command("revert")
    .description("put right whatever earlier, killed runs left")
    .argument("[run-folder...]", "default: every run below --reports that did not end clean")
    .addOption(REPORTS())
    .option("--kubeconfig <file>", "from the ledger in this cluster, on a machine that has no journal of the run")
    .option("--json", "as JSON", false)
    .action(async (folders: string[], options) =>
      set(await (await import("./revert.ts")).revertCommand(folders, options)),
    );
  root
    .command("verify-clean")
    .description("prove that nothing of ours is left in a cluster, or list it")
    .option("--cluster <name>", "a cluster of ours on this machine")
    .option("--kubeconfig <file>", "any cluster")
    .option("--json", "as JSON", false)
    .action(async (options) => set(await (await import("./verify-clean.ts")).verifyCleanCommand(options)));
  root
    .command("judge")
    .description("judge a run again, from its folder alone")
    .argument("<run-folder>")
    .option("--json", "the verdict as JSON on stdout", false)
    .action(async (folder: string, options) => set(await (await import("./judge.ts")).judgeCommand(folder, options)));
  root
    .command("report")
    .description("write a run's reports again, from its folder alone")
    .argument("<run-folder>")
    .option("--json", "the paths as JSON", false)
    .action(async (folder: string, options) => set(await (await import("./report.ts")).reportCommand(folder, options)));
}

function machineVerbs(root: Command, set: (code: number) => void): void {
  root
    .command("doctor")
    .description("say what this machine has, what it lacks, and what will be done about it")
    .option("--json", "as JSON", false)
    .action(async (options) => set(await (await import("./doctor.ts")).doctorCommand(options)));
  root
    .command("setup")
    .description("get what this machine lacks")
    .option("--yes", "install system packages without asking", false)
    .option("--for <purpose>", "run, test or bench", "run")
    .option("--json", "progress as JSON lines", false)
    .action(async (options) => set(await (await import("./setup.ts")).setupCommand(options)));
}

function clusterVerbs(root: Command, set: (code: number) => void): void {
  const cluster = root.command("cluster").description("create, list and remove clusters of ours");
  const load = async () => import("./cluster.ts");
  cluster
    .command("up")
    .argument("[name]", "name of the cluster", "faultline")
    .option("--topology <file>", "a file of kind-config/ or a path", "two-workers")
    .option("--ingress <controller>", "install an ingress controller: traefik")
    .option("--imds", "a mock of the instance metadata service on every node", false)
    .option("--egress <mode>", "rejected or allowed", "rejected")
    .option("--node-image <image>", "another node image")
    .option("--json", "as JSON", false)
    .action(async (name: string, options) => set(await (await load()).clusterUp(name, options)));
  cluster
    .command("list")
    .option("--json", "as JSON", false)
    .action(async (options) => set(await (await load()).clusterList(options)));
  cluster
    .command("down")
    .argument("<name>")
    .action(async (name: string) => set(await (await load()).clusterDown(name)));
  cluster
    .command("gc")
    .description("remove what crashed runs left on this machine")
    .option("--json", "as JSON", false)
    .action(async (options) => set(await (await load()).clusterGc(options)));
}

/** Says what happened and what to do, once, and finds the exit code. */
function explain(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  const known = error instanceof FaultlineError ? error : null;
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ error: { code: known?.code ?? "internal", message: messageOf(error), fix: known?.fix ?? null } })}\n`,
    );
  }
  process.stderr.write(`faultline: ${messageOf(error)}\n`);
  if (known?.fix !== undefined) process.stderr.write(`  → ${known.fix}\n`);
  if (known === null && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  return known?.code === "usage" ? EXIT_USAGE : EXIT_INTERNAL;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
