/**
 * What a fault runs on a node, with its undo and its lease beside it, so that the node puts itself right when nobody
 * renews: `/run/faultline/<id>/` holds the undo script and the instant until which the fault may stay, and a systemd
 * unit of the fault's own looks at it. `/run` is in memory: a node that restarts comes back without any of it.
 *
 * Scripts are bash, run as root with `$ID` and `$DIR` set. An undo script is idempotent, right after half an inject, and
 * exits with 0 only when the node is clean. What an inject leaves running it starts with
 * `systemd-run --collect --unit="$ID-<what>"`, so that it can be found and ended by name.
 */
import type { ExecResult } from "../../cluster/exec.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";

export interface NodePart {
  /** Of `faultName`; one fault has one part on a node. */
  readonly id: string;
  readonly inject: string;
  readonly undo: string;
}

const TIMEOUT_MS = 60_000;
/** Where what faults leave on a node is found. */
export const NODE_FOLDER = "/run/faultline";

/** Looks four times a second, without starting a process for it; a folder that is gone ends it. */
const GUARD = `
exec 9<> <(:)
while read -r until < "$DIR/until"; do
  read -r now _ < /proc/uptime
  if ((\${now/./} >= until)); then
    exec 8< ${NODE_FOLDER}
    flock -w 20 8
    until bash "$DIR/undo.sh" 8<&- >> "$DIR/log" 2>&1; do read -t 1 -u 9; done
    rm -rf "$DIR"
    exit
  fi
  read -t 0.25 -u 9
done 2> /dev/null`;

/** The lease is in force before the first line of the inject script runs. Right when called again after half of it. */
export async function startOnNode(node: NodeHandle, part: NodePart, leaseMs: number): Promise<void> {
  const script = `set -eu
${enter(part.id)}
mkdir -p "$DIR"
${file("undo.sh", part.undo)}
${file("inject.sh", part.inject)}
${file("guard.sh", GUARD)}
${untilLine(leaseMs)}
systemctl is-active --quiet "$ID-guard" || systemd-run --quiet --collect --unit="$ID-guard" \\
  --property=Nice=-10 --setenv=ID="$ID" --setenv=DIR="$DIR" bash "$DIR/guard.sh"
bash "$DIR/inject.sh" 8<&- 2>&1 | tee -a "$DIR/log"
exit "\${PIPESTATUS[0]}"`;
  await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: script });
}

/** @throws FaultlineError `fault` when the node has undone the fault meanwhile. */
export async function renewOnNode(node: NodeHandle, id: string, leaseMs: number): Promise<void> {
  const script = `${enter(id)}
[ -e "$DIR/until" ] || exit 3
${untilLine(leaseMs)}`;
  const { exitCode } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: script, accept: [0, 3] });
  if (exitCode === 3) throw new FaultlineError("fault", `${node.name} has undone ${id}: its lease had lapsed`);
}

/**
 * Runs the undo, whatever is there of the fault. A node that has stopped or is gone holds nothing any more: what ran
 * there has ended, and a start brings it up without /run. @throws FaultlineError `command-failed` with what the undo
 * said; `cluster` when the node is paused.
 */
export async function endOnNode(node: NodeHandle, part: Pick<NodePart, "id" | "undo">): Promise<void> {
  const script = `set -u
${enter(part.id)}
mkdir -p "$DIR"
${file("undo.sh", part.undo)}
bash "$DIR/undo.sh" 8<&- || exit
rm -rf "$DIR"
systemctl stop "$ID-guard" 2> /dev/null
true`;
  await unlessOff(node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: script }));
}

/** Runs a script with `$ID` and `$DIR` while no other of any fault runs there, the undo of a guard among them. */
export async function runOnNode(node: NodeHandle, id: string, script: string): Promise<ExecResult> {
  return await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: `${enter(id)}\n${script}` });
}

/** Ids of all faults that are in on this node. */
export async function leftOnNode(node: NodeHandle): Promise<readonly string[]> {
  const listing = node.exec(["ls", "-1", NODE_FOLDER], { timeoutMs: TIMEOUT_MS, accept: "any" });
  const stdout = (await unlessOff(listing))?.stdout ?? "";
  return stdout.split("\n").filter((name) => name.startsWith("faultline-"));
}

/** null when the node is off or gone. */
async function unlessOff(running: Promise<ExecResult>): Promise<ExecResult | null> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof FaultlineError && ["stopped", "gone"].includes(String(error.context.nodeState))) return null;
    throw error;
  }
}

/** One at a time on a node; the lock goes with the shell, and is kept from whatever it starts. */
const enter = (id: string) => `export ID=${id} DIR=${NODE_FOLDER}/${id}
mkdir -p ${NODE_FOLDER}
exec 8< ${NODE_FOLDER}
flock -w 30 8`;

/** Hundredths of a second since the machine's boot, as /proc/uptime counts; moved into place, so that no reader sees half. */
const untilLine = (leaseMs: number) => `read -r now _ < /proc/uptime
echo $((\${now/./} + ${Math.round(leaseMs / 10)})) > "$DIR/until.new"
mv "$DIR/until.new" "$DIR/until"`;

function file(name: string, text: string): string {
  return `cat > "$DIR/${name}" <<'FAULTLINE-END'\n${text}\nFAULTLINE-END`;
}
