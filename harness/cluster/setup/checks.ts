/** What `faultline doctor` says about the facts of a machine: pure, so that every sentence can be tested. */
import type { Facts, KernelFeature, Presence } from "./facts.ts";
import type { ImageNames } from "./images.ts";
import { duration } from "./progress.ts";

export interface Check {
  readonly name: string;
  /** `missing` keeps experiments from running; `note` does not, but is worth knowing. */
  readonly status: "ok" | "note" | "missing";
  /** What is there. */
  readonly found: string;
  /** What will be done about it and how long that takes, or what the user must do. */
  readonly fix?: string;
}

/** A run of a small experiment and its images; under it, kubelet begins to evict. */
const FREE_BYTES_WANTED = 15 * 1024 ** 3;
const GIB = 1024 ** 3;
const NODE_MAJOR = 24;
/** First estimates, measured on two cores with nothing cached; after a first time that time is shown. */
const ESTIMATES_MS: Readonly<Record<string, number>> = {
  packages: 10_000,
  "engine-install": 40_000,
  engine: 3_000,
  programs: 7 * 60_000,
  root: 50_000,
  "proxy-root": 10_000,
  "node-image": 30_000,
  traefik: 6_000,
  "node-base": 6_000,
  kind: 1_000,
  inotify: 1_000,
};
/** The steps that bring each image: built here, or pulled. */
const STEPS_OF_IMAGE: Readonly<Record<keyof ImageNames, readonly string[]>> = {
  nodeImage: ["programs", "root", "proxy-root", "node-image", "pull-node-image"],
  traefikImage: ["traefik", "pull-traefik"],
  nodeBaseImage: ["node-base", "pull-node-base"],
};
const FALLBACKS: Readonly<Record<KernelFeature, string>> = {
  netem: "delay and loss are made with tbf, iptables statistic or a delaying proxy instead",
  tbf: "bandwidth is limited by a proxy instead",
  iptables: "without it no cluster can be kept from calling out; load the module ip_tables or nf_tables",
};

/** One check a line, in the order in which a person would fix them. */
export function checks(facts: Facts): Check[] {
  return [
    engine(facts),
    privileged(facts),
    {
      name: "cgroup version",
      status: "ok",
      found: facts.cgroupVersion === 1 ? "1 (nodes run with failCgroupV1: false)" : "2",
    },
    kind(facts),
    ...facts.images.map((image) => imageCheck(facts, image)),
    imageSource(facts),
    ...(["iptables", "netem", "tbf"] as const).map((feature) => kernel(feature, facts.kernel[feature])),
    ...facts.inotify.map((limit) => inotify(facts, limit)),
    disk(facts),
    proxy(facts),
    node(facts),
    go(facts),
    ...Object.entries(facts.registries).map(([name, registry]) => packageRegistry(facts, name, registry)),
  ];
}

export const isReady = (all: readonly Check[]): boolean => all.every((check) => check.status !== "missing");

function engine(facts: Facts): Check {
  const name = "Docker engine";
  if (facts.engine.version !== undefined) return { name, status: "ok", found: facts.engine.version };
  const found = facts.engine.installed ? "installed, does not answer" : "none";
  return {
    name,
    status: "missing",
    found,
    fix: setupFix(facts, facts.engine.installed ? ["engine"] : ["packages", "engine-install", "engine"]),
  };
}

function privileged(facts: Facts): Check {
  const { presence, how } = facts.privileged;
  const status = presence === "here" ? "ok" : presence === "unknown" ? "note" : "missing";
  const fix =
    "kind's nodes are privileged containers: use an engine that allows them (Debian 12's 20.10 refuses where CAP_SYS_RESOURCE is missing)";
  return { name: "privileged containers", status, found: how, ...(presence === "absent" ? { fix } : {}) };
}

function kind(facts: Facts): Check {
  if (facts.kind !== undefined)
    return { name: "kind", status: "ok", found: `${facts.kind.version} (${facts.kind.path})` };
  return { name: "kind", status: "missing", found: "none", fix: setupFix(facts, ["programs", "kind"]) };
}

function imageCheck(facts: Facts, image: Facts["images"][number]): Check {
  const name = `image ${image.name}`;
  if (image.isHere) return { name, status: "ok", found: "here" };
  if (facts.engine.installed && facts.engine.version === undefined) {
    return {
      name,
      status: "missing",
      found: "not known while the engine is stopped",
      fix: "`faultline setup` starts it first",
    };
  }
  const found = facts.engine.version === undefined ? "no engine to ask" : "not here";
  return { name, status: "missing", found, fix: setupFix(facts, STEPS_OF_IMAGE[image.use]) };
}

function imageSource(facts: Facts): Check {
  return { name: "image registry", status: "ok", found: facts.imageRegistry.because };
}

function kernel(feature: KernelFeature, presence: Presence): Check {
  const name = `kernel: ${feature}`;
  if (presence === "here") return { name, status: "ok", found: "works" };
  const isNeeded = feature === "iptables" && presence === "absent";
  const found = presence === "absent" ? "absent" : "not known: no root, or no tc and iptables to try it with";
  return { name, status: isNeeded ? "missing" : "note", found, fix: FALLBACKS[feature] };
}

function inotify(facts: Facts, { name, limit, wanted }: Facts["inotify"][number]): Check {
  const title = `inotify ${name}`;
  if (limit === undefined || limit >= wanted)
    return { name: title, status: "ok", found: String(limit ?? "no limit shown") };
  return { name: title, status: "missing", found: `${limit}, wanted ${wanted}`, fix: setupFix(facts, ["inotify"]) };
}

function disk(facts: Facts): Check {
  const found = `${(facts.freeBytes / GIB).toFixed(1)} GiB`;
  if (facts.freeBytes >= FREE_BYTES_WANTED) return { name: "free disk", status: "ok", found };
  const fix =
    "free some space: `docker system df` shows what images take, `faultline cluster gc` removes what runs left";
  return { name: "free disk", status: "missing", found: `${found}, wanted ${FREE_BYTES_WANTED / GIB} GiB`, fix };
}

/** kind copies the variables into the nodes; kubectl and the harness talk to 127.0.0.1, which no proxy must see. */
function proxy(facts: Facts): Check {
  const { NO_PROXY = "", ...proxies } = facts.proxies;
  const shown = Object.entries(facts.proxies)
    .map(([name, value]) => `${name}=${value.replace(/\/\/[^@/]*@/, "//…@")}`)
    .join(" ");
  if (Object.keys(proxies).length === 0)
    return { name: "proxy variables", status: "ok", found: shown === "" ? "none" : shown };
  const excluded = NO_PROXY.split(",").map((entry) => entry.trim());
  const lacking = ["127.0.0.1", "localhost"].filter((host) => !excluded.includes(host) && !excluded.includes("*"));
  if (lacking.length === 0) return { name: "proxy variables", status: "ok", found: shown };
  const fix = `add to NO_PROXY: ${lacking.join(",")}; else calls to the cluster's API and to the ingress go through the proxy`;
  return { name: "proxy variables", status: "missing", found: shown, fix };
}

function node(facts: Facts): Check {
  const isNew = Number(facts.node.split(".")[0]) >= NODE_MAJOR;
  return {
    name: "Node",
    status: isNew ? "ok" : "missing",
    found: facts.node,
    ...(isNew ? {} : { fix: "npm ci brings one on Linux x64" }),
  };
}

function go(facts: Facts): Check {
  if (facts.go !== undefined) return { name: "Go", status: "ok", found: facts.go };
  const isNeeded = facts.todo.some(({ id }) => ["programs", "kind"].includes(id));
  return {
    name: "Go",
    status: isNeeded ? "missing" : "note",
    found: "none",
    fix: "install Go 1.21 or newer; it is only used for building",
  };
}

function packageRegistry(facts: Facts, name: string, registry: Facts["registries"][string]): Check {
  const title = `package registry: ${name}`;
  if (registry?.answers) return { name: title, status: "ok", found: `answers: ${registry.said}` };
  const found = registry === undefined ? `${name} is not installed` : `does not answer: ${registry.said}`;
  // Registries are only called when something is still to be fetched.
  const isNeeded =
    registry !== undefined && name !== "apt" && facts.surroundings.surroundings === "packages" && facts.todo.length > 0;
  const fix =
    name === "apt"
      ? "`faultline setup` fetches apt's lists when it needs them"
      : `make ${name}'s registry reachable: its own settings, or HTTPS_PROXY`;
  return { name: title, status: isNeeded ? "missing" : "note", found, fix };
}

/** What setup will do and for how long: steps side by side, so the longest counts, not the sum. */
function setupFix(facts: Facts, ids: readonly string[]): string {
  const steps = facts.todo.filter(({ id }) => ids.includes(id));
  if (steps.length === 0) return "run `faultline setup`";
  const longest = Math.max(...steps.map(({ id }) => facts.durations[id] ?? ESTIMATES_MS[id] ?? 30_000));
  const mayInstall = facts.isRoot && facts.hasApt;
  const how = mayInstall ? "`faultline setup` will do" : "`faultline setup` will show the commands for";
  return `${how}: ${steps.map(({ title }) => title).join(", ")}; about ${duration(longest)}`;
}
