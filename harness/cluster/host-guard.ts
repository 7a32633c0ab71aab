/**
 * What a fault does to a node as a container of this machine (pause it, kill it), with its undo and its lease beside it.
 * A node that is down cannot undo anything by itself, so a small shell of a session of its own on this machine does:
 * `<home>/guards/<id>/` holds the undo script and the instant until which the fault may stay. That shell runs the inject
 * too, so that there is no moment in which the fault is in and nobody watches it, whenever the harness is killed.
 *
 * Scripts are POSIX sh. Both are idempotent and end within seconds; an undo is right after half an inject or none, and
 * exits with 0 only when it is done or there is nothing left to undo it on.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { FaultlineError, messageOf } from "../errors.ts";
import { exec, startDetached } from "./exec.ts";
import { isAlive, processToken, tokenOf } from "./owner.ts";
import { home } from "./paths.ts";
import { waitFor } from "./wait.ts";

export interface HostPart {
  /** Of `faultName`; one fault has one part on this machine. */
  readonly id: string;
  readonly inject: string;
  readonly undo: string;
  /**
   * Read by the guard's own shell four times a second while the fault is in, from after the inject on; `$1` is its folder.
   * It keeps its variables, and starts again without them when the guard does. The undo is run after its last turn.
   */
  readonly watch?: string;
}

/** One inject or undo, all its calls of the engine together. */
const SCRIPT_TIMEOUT_MS = 60_000;

/**
 * `until` is the right to end the fault: whoever moves it away (this shell when the lease lapsed, the harness when it
 * reverts) is the one who does, so that a late guard never undoes a later fault. TERM only wakes it from its sleep.
 */
const GUARD = `
trap : TERM
BOUND=
command -v timeout > /dev/null && BOUND="timeout ${SCRIPT_TIMEOUT_MS / 1_000}"
while read -r until < "$1/until"; do
  if read -r now _ < /proc/uptime; then now=\${now%.*}\${now#*.}; else now=$(date +%s)00; fi
  if [ "$now" -ge "$until" ]; then
    mv "$1/until" "$1/undoing" || exit 0
    tries=0
    until $BOUND sh "$1/undo.sh" >> "$1/log" 2>&1; do
      tries=$((tries + 1))
      [ "$tries" -lt 600 ] || exit 1
      sleep 1
    done
    rm -rf "$1"
    exit 0
  fi
  if [ -e "$1/inject.sh" ]; then
    mv "$1/inject.sh" "$1/injecting.sh"
    $BOUND sh "$1/injecting.sh" > "$1/said" 2>&1
    echo "$?" > "$1/result.new"
    mv "$1/result.new" "$1/result"
  fi
  [ ! -e "$1/watch.sh" ] || . "$1/watch.sh"
  sleep 0.25 &
  wait "$!"
done 2> /dev/null`;

/**
 * The lease is in force before the inject script runs. Right when called again after half of it.
 * @throws FaultlineError `fault` with what the inject said when it failed; `deadline` when it does not end.
 */
export async function startOnHost(part: HostPart, leaseMs: number): Promise<void> {
  const folder = folderOf(part.id);
  await mkdir(folder, { recursive: true });
  if ((await read(folder, "undoing")) !== null) throw new FaultlineError("fault", `${part.id} is just being undone`);
  await rm(join(folder, "result"), { force: true });
  await put(folder, "owner", processToken());
  await put(folder, "undo.sh", part.undo);
  await put(folder, "guard.sh", GUARD);
  if (part.watch !== undefined) await put(folder, "watch.sh", part.watch);
  await put(folder, "inject.sh", part.inject);
  await put(folder, "until", untilOf(leaseMs));
  await ensureGuard(folder);
  const result = await waitFor({
    what: `the inject of ${part.id}`,
    timeoutMs: SCRIPT_TIMEOUT_MS,
    everyMs: 10,
    probe: async () => {
      const result = await read(folder, "result");
      if (result === null && (await read(folder, "until")) === null) return { done: true, value: "ended" };
      return result === null ? { done: false, saw: "no end of it yet" } : { done: true, value: result };
    },
  });
  if (result === "0") return;
  const why = result === "ended" ? "it was ended meanwhile" : await read(folder, "said");
  throw new FaultlineError("fault", `${part.id} could not be injected: ${why}`);
}

/** Starts a guard that has died anew. @throws FaultlineError `fault` when the fault was undone meanwhile. */
export async function renewOnHost(id: string, leaseMs: number): Promise<void> {
  const folder = folderOf(id);
  const lapsed = async () => (await read(folder, "until")) === null || (await read(folder, "undoing")) !== null;
  // The second look: the guard may have begun between the first one and the new instant.
  if (!(await lapsed())) {
    await put(folder, "until", untilOf(leaseMs)).catch(() => undefined);
    if (!(await lapsed())) return await ensureGuard(folder);
  }
  throw new FaultlineError("fault", `${id} was undone: its lease had lapsed`);
}

/** Runs the undo, whatever is there of the fault. @throws FaultlineError `command-failed` with what the undo said. */
export async function endOnHost(part: Pick<HostPart, "id" | "undo">): Promise<void> {
  const folder = folderOf(part.id);
  await mkdir(folder, { recursive: true });
  await put(folder, "undo.sh", part.undo);
  await rename(join(folder, "until"), join(folder, "ending")).catch(() => undefined);
  try {
    const injecting = (await read(folder, "result")) === null || (await read(folder, "watch.sh")) !== null;
    // At once, so that the target is back as soon as can be; again when a guard that was still at it is gone.
    await undo(part.undo);
    if ((await guardEnded(folder)) && injecting) await undo(part.undo);
  } catch (error) {
    // Whatever becomes of the caller: the guard goes on trying.
    await guardEnded(folder);
    await put(folder, "until", "0");
    await ensureGuard(folder);
    throw error;
  }
  await rm(folder, { recursive: true, force: true });
}

/** What the scripts of a fault have written into their folder under this name; null: nothing, or the fault is not in. */
export async function readFromGuard(id: string, name: string): Promise<string | null> {
  return await read(folderOf(id), name);
}

/** Ids of the faults that are in on this machine. */
export async function leftOnHost(): Promise<readonly string[]> {
  return await readdir(join(home(), "guards")).catch(() => []);
}

/**
 * Undoes what nobody answers for any more: neither its guard nor the harness that started it lives, as after a restart
 * of the machine. @returns what was undone, one line each.
 */
export async function collectGuards(onProgress: (line: string) => void): Promise<readonly string[]> {
  const collected: string[] = [];
  for (const id of await leftOnHost()) {
    const folder = folderOf(id);
    const owners = [await read(folder, "guard"), await read(folder, "owner")];
    if (owners.some((token) => token !== null && isAlive(token))) continue;
    try {
      await endOnHost({ id, undo: (await read(folder, "undo.sh")) ?? ":" });
      collected.push(`fault ${id} on a node of this machine`);
    } catch (error) {
      onProgress(`left fault ${id}: ${messageOf(error)}; by hand: sh ${join(folder, "undo.sh")}`);
    }
  }
  return collected;
}

const folderOf = (id: string) => join(home(), "guards", id);

/** Starts the guard of this folder if it does not live, and wakes it if it does. */
async function ensureGuard(folder: string): Promise<void> {
  const token = await read(folder, "guard");
  if (token !== null && isAlive(token)) return wake(token);
  const pid = startDetached("sh", [join(folder, "guard.sh"), folder], { logFile: join(folder, "log") });
  if (pid === undefined) throw new FaultlineError("fault", `no shell could be started to hold the lease in ${folder}`);
  await put(folder, "guard", tokenOf(pid) ?? `${pid}`);
}

/** @returns whether there was one; it has ended then, with whatever it was in the middle of. */
async function guardEnded(folder: string): Promise<boolean> {
  const token = await read(folder, "guard");
  if (token === null || !isAlive(token)) return false;
  wake(token);
  await waitFor({
    what: `the guard in ${folder} to end`,
    timeoutMs: SCRIPT_TIMEOUT_MS,
    everyMs: 5,
    probe: async () => (isAlive(token) ? { done: false, saw: "it runs" } : { done: true, value: undefined }),
  });
  return true;
}

function wake(token: string): void {
  try {
    process.kill(Number(token.split(".")[0]), "SIGTERM");
  } catch {
    // It has ended meanwhile.
  }
}

const undo = (script: string) => exec("sh", ["-c", script], { timeoutMs: SCRIPT_TIMEOUT_MS });

/** In hundredths of a second, by the clock that the guard reads. */
function untilOf(leaseMs: number): string {
  const seconds = process.platform === "linux" ? uptime() : Math.floor(Date.now() / 1_000);
  return String(Math.round(seconds * 100 + leaseMs / 10));
}

/** Moved into place, so that no reader sees half of it. */
async function put(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, `${name}.${process.pid}`);
  await writeFile(draft, `${text}\n`);
  await rename(draft, join(folder, name));
}

/** null: there is none. */
async function read(folder: string, name: string): Promise<string | null> {
  return await readFile(join(folder, name), "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}
