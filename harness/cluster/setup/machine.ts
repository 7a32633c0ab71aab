/** What is asked of the machine itself: its release, its user, its programs. */
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface Release {
  /** `debian`, `ubuntu`, … as in os-release; empty when there is none. */
  readonly id: string;
  /** `bookworm`, `noble`, …; empty when the release says none. */
  readonly codename: string;
  readonly name: string;
}

/** @param text the content of /etc/os-release */
export function parseRelease(text: string): Release {
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { id: field("ID"), codename: field("VERSION_CODENAME"), name: field("PRETTY_NAME") };
}

export function readRelease(): Release {
  try {
    return parseRelease(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return { id: "", codename: "", name: process.platform };
  }
}

export const hasApt = (release: Release): boolean => release.id === "debian" || release.id === "ubuntu";

export const isRoot = (): boolean => process.getuid?.() === 0;

/** The administrators' folders are not on every user's PATH, but what is there counts as installed. */
const ALWAYS_SEARCHED = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The path of a program, or undefined when it is not installed. `first` is searched before the PATH. */
export function findProgram(name: string, first: readonly string[] = []): string | undefined {
  for (const folder of [...first, ...(process.env.PATH ?? "").split(delimiter), ...ALWAYS_SEARCHED]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** Limits on inotify: each node's systemd, kubelet and containerd take instances, and the kernel counts them per host user. */
export const INOTIFY_WANTED: Readonly<Record<string, number>> = { max_user_instances: 512, max_user_watches: 524_288 };

export const inotifyFile = (name: string): string => `/proc/sys/fs/inotify/${name}`;

/** The limit in force, or undefined where the kernel has none to show. */
export function inotifyLimit(name: string): number | undefined {
  try {
    return Number(readFileSync(inotifyFile(name), "utf8"));
  } catch {
    return undefined;
  }
}

/** Those limits that are lower than wanted, as `sysctl` settings. */
export function lowInotifyLimits(): string[] {
  return Object.entries(INOTIFY_WANTED)
    .filter(([name, wanted]) => (inotifyLimit(name) ?? wanted) < wanted)
    .map(([name, wanted]) => `fs.inotify.${name}=${wanted}`);
}
