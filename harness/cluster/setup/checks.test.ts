import { describe, expect, test } from "vitest";
import { checks, isReady } from "./checks.ts";
import { type Facts, proxyVariables } from "./facts.ts";

const GIB = 1024 ** 3;
const image = { use: "nodeImage", name: "localhost/faultline/kind-node:v1", isHere: true } as const;
const ready: Facts = {
  release: { id: "debian", codename: "bookworm", name: "Debian GNU/Linux 12 (bookworm)" },
  isRoot: true,
  hasApt: true,
  engine: { version: "26.1.5", installed: true },
  privileged: { presence: "here", how: "one was started" },
  cgroupVersion: 2,
  kind: { path: "/usr/bin/kind", version: "0.33.0" },
  surroundings: { surroundings: "packages", because: "the images are here" },
  imageRegistry: { surroundings: "packages", because: "no image registry can be reached" },
  images: [image],
  kernel: { netem: "here", tbf: "here", iptables: "here" },
  inotify: [{ name: "max_user_instances", limit: 1024, wanted: 512 }],
  freeBytes: 40 * GIB,
  proxies: {},
  node: "24.21.0",
  go: "go1.26.8",
  registries: { npm: { answers: true, said: "1.0.0" } },
  todo: [],
  durations: {},
};
const line = (facts: Partial<Facts>, name: string) =>
  checks({ ...ready, ...facts }).find((check) => check.name.startsWith(name));

test("a machine that has everything is ready, each line ok", () => {
  const all = checks(ready);
  expect(all.filter((check) => check.status !== "ok")).toEqual([]);
  expect(isReady(all)).toBe(true);
});

test("a fresh machine: each thing that is missing says so, what will be done, and for how long", () => {
  const todo = [
    { id: "engine-install", title: "Docker engine: install" },
    { id: "engine", title: "Docker engine: start" },
    { id: "programs", title: "Go programs" },
  ];
  const fresh = {
    engine: { version: undefined, installed: false },
    kind: undefined,
    todo,
    durations: { programs: 400_000 },
  };
  expect(line(fresh, "Docker engine")).toMatchObject({ status: "missing", found: "none" });
  expect(line(fresh, "Docker engine")?.fix).toMatch(/will do: Docker engine: install, Docker engine: start; about \d+/);
  expect(line(fresh, "kind")?.fix).toContain("Go programs; about 6 min 40 s");
  expect(isReady(checks({ ...ready, ...fresh }))).toBe(false);
});

test("a stopped engine: its images are not known, so no rebuild is announced", () => {
  const todo = [{ id: "node-image", title: "node image" }];
  const stopped = { engine: { version: undefined, installed: true }, images: [{ ...image, isHere: false }], todo };
  expect(line(stopped, "image")).toMatchObject({ status: "missing", found: "not known while the engine is stopped" });
  expect(line(stopped, "image")?.fix).not.toContain("node image");
});

test("without root the fix is to be shown commands, not a promise", () => {
  const facts = {
    isRoot: false,
    engine: { version: undefined, installed: true },
    todo: [{ id: "engine", title: "Docker engine: start" }],
  };
  expect(line(facts, "Docker engine")?.fix).toContain("will show the commands for: Docker engine: start");
});

describe("single facts", () => {
  test.each<[string, Partial<Facts>, string, string]>([
    [
      "privileged containers refused",
      { privileged: { presence: "absent", how: "unable to apply caps" } },
      "privileged",
      "missing",
    ],
    [
      "privileged containers not tried",
      { privileged: { presence: "unknown", how: "no image yet" } },
      "privileged",
      "note",
    ],
    ["netem absent has a fallback", { kernel: { ...ready.kernel, netem: "absent" } }, "kernel: netem", "note"],
    ["iptables absent has none", { kernel: { ...ready.kernel, iptables: "absent" } }, "kernel: iptables", "missing"],
    ["inotify too low", { inotify: [{ name: "max_user_instances", limit: 128, wanted: 512 }] }, "inotify", "missing"],
    ["disk too full", { freeBytes: 14.9 * GIB }, "free disk", "missing"],
    ["an image is not here", { images: [{ use: "nodeImage", name: "x", isHere: false }] }, "image x", "missing"],
    ["an old Node", { node: "20.20.2" }, "Node", "missing"],
    ["no Go, and nothing to build", { go: undefined }, "Go", "note"],
    [
      "no Go, and something to build",
      { go: undefined, todo: [{ id: "programs", title: "Go programs" }] },
      "Go",
      "missing",
    ],
    [
      "a registry is down, and nothing to fetch",
      { registries: { go: { answers: false, said: "refused" } } },
      "package registry: go",
      "note",
    ],
  ])("%s", (_, facts, name, status) => {
    expect(line(facts, name)).toMatchObject({ status, ...(status === "ok" ? {} : { found: expect.any(String) }) });
  });

  test("a registry that is down matters when something is to be fetched", () => {
    const facts = {
      registries: { go: { answers: false, said: "refused" } },
      todo: [{ id: "programs", title: "Go programs" }],
    };
    expect(line(facts, "package registry: go")).toMatchObject({ status: "missing", found: "does not answer: refused" });
  });
});

describe("proxy variables", () => {
  test("a proxy that would swallow calls to the cluster is named, its password is not", () => {
    const found = line({ proxies: { HTTPS_PROXY: "http://me:secret@proxy:3128" } }, "proxy");
    expect(found).toMatchObject({ status: "missing" });
    expect(found?.fix).toContain("NO_PROXY: 127.0.0.1,localhost");
    expect(found?.found).not.toContain("secret");
  });

  test.each(["127.0.0.1,localhost,.internal", "*"])("NO_PROXY=%s is enough", (list) => {
    expect(line({ proxies: { HTTP_PROXY: "http://proxy:3128", NO_PROXY: list } }, "proxy")?.status).toBe("ok");
  });

  test("lower case wins, as in the clients", () => {
    expect(proxyVariables({ HTTP_PROXY: "a", http_proxy: "b", no_proxy: "c" })).toEqual({
      HTTP_PROXY: "b",
      NO_PROXY: "c",
    });
  });
});
