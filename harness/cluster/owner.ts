/** Which process answers for something that outlives it: its pid alone would be used again one day. */
import { readFileSync } from "node:fs";

/** Value: `<pid>.<start>.<boot>`, so that a later process or boot of the same pid is told apart. */
export const LABEL_PROCESS = "faultline.dev/process";

/** This process, as it stands in labels and records. */
export function processToken(): string {
  return tokenOf(process.pid) ?? `${process.pid}`;
}

/** Whether the process of a token still runs. Where /proc is missing only the pid is compared. */
export function isAlive(token: string): boolean {
  const pid = Number(token.split(".")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const current = tokenOf(pid);
  return current === null ? !token.includes(".") && answersSignal(pid) : current === token;
}

/** A process as it stands in labels and records; null: it does not run (a zombie does not), or there is no /proc. */
export function tokenOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22 is the start in clock ticks since boot; the second field may hold spaces, so count from its closing bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return null;
    const start = fields[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
    return `${pid}.${start}.${boot}`;
  } catch {
    return null;
  }
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
