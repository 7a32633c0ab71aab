/** The surroundings of an air-gapped runner, end to end: a registry of our own on 127.0.0.1 serves every image. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { exec } from "../exec.ts";
import { freePort } from "../free-port.ts";
import { kindProvider } from "../kind.ts";
import { binFolder } from "../paths.ts";
import { waitFor } from "../wait.ts";
import { type ImageNames, mirrored, resolveImages } from "./images.ts";
import { setupState } from "./index.ts";
import { install } from "./install.ts";
import type { Step } from "./step.ts";

const images: (keyof ImageNames)[] = ["nodeImage", "traefikImage", "nodeBaseImage"];
const CLUSTER = "faultline-mirror";
let folder: string;
let mirror: string;
let registry: ChildProcess;

beforeAll(async () => {
  const here = await setupState();
  folder = mkdtempSync(join(tmpdir(), "faultline-mirror-"));
  mirror = `127.0.0.1:${await freePort()}`;
  registry = await startRegistry();
  for (const image of images) {
    const served = mirrored(resolveImages("registry", {})[image], mirror);
    await docker(["tag", here[image], served]);
    await docker(["push", "--quiet", served]);
    await docker(["rmi", served]);
  }
  vi.stubEnv("FAULTLINE_IMAGE_MIRROR", mirror);
  // A home without anything in it; kind stands on the PATH, as it does where somebody installed it.
  vi.stubEnv("PATH", `${process.env.PATH}:${binFolder()}`);
  vi.stubEnv("FAULTLINE_HOME", join(folder, "home"));
});

afterAll(async () => {
  await kindProvider.down(CLUSTER, () => undefined);
  for (const name of Object.values(resolveImages("mirror")) as string[]) await docker(["rmi", name], "any");
  vi.unstubAllEnvs();
  registry.kill();
  rmSync(folder, { recursive: true });
});

/** Sets up and returns the titles of what had to be done. */
async function setUp(): Promise<string[]> {
  let planned: readonly Step[] = [];
  await install({
    purpose: "run",
    yes: false,
    ask: undefined,
    onPlan: (_, steps) => {
      planned = steps;
    },
    listener: { started: () => undefined, line: () => undefined, ended: () => undefined },
    signal: new AbortController().signal,
  });
  return planned.map((step) => step.title);
}

describe("behind a mirror", () => {
  test("setup pulls the three images from it and builds nothing; a second setup does nothing", async () => {
    await expect(setupState()).rejects.toThrow(mirror);
    const names = resolveImages("mirror");
    expect(await setUp()).toEqual(images.map((image) => `pull ${names[image]}`));
    expect(await setupState()).toMatchObject({ ...names, surroundings: "mirror" });
    expect(await setUp()).toEqual([]);
  });

  test("a cluster boots from the mirror's images, ingress controller included", async () => {
    const topology = join(folder, "one-node.yaml");
    writeFileSync(topology, "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n");
    const onProgress = () => undefined;
    const cluster = await kindProvider.up({
      name: CLUSTER,
      spec: { topology, ingress: "traefik" },
      images: [],
      onProgress,
    });
    try {
      expect((await cluster.nodes()).map((node) => node.role)).toEqual(["control-plane"]);
      // No route yet: Traefik itself answers that there is none.
      expect((await fetch(cluster.ingressUrl ?? "")).status).toBe(404);
    } finally {
      await kindProvider.down(CLUSTER, onProgress);
    }
  });

  test("FAULTLINE_NODE_IMAGE that the mirror does not serve: named, with what to set", async () => {
    vi.stubEnv("FAULTLINE_NODE_IMAGE", `${mirror}/kindest/node:v0.0.0`);
    await expect(setUp()).rejects.toMatchObject({
      code: "setup",
      fix: expect.stringContaining("FAULTLINE_NODE_IMAGE"),
    });
    vi.stubEnv("FAULTLINE_NODE_IMAGE", undefined);
  });
});

async function startRegistry(): Promise<ChildProcess> {
  const config = {
    version: "0.1",
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "registry") } },
    http: { addr: mirror },
  };
  // JSON is YAML.
  writeFileSync(join(folder, "registry.yml"), JSON.stringify(config));
  const started = spawn(join(binFolder(), "registry"), ["serve", join(folder, "registry.yml")], { stdio: "ignore" });
  await waitFor({
    what: `the registry answers at ${mirror}`,
    timeoutMs: 30_000,
    everyMs: 100,
    probe: async () => {
      const { status } = await fetch(`http://${mirror}/v2/`);
      return status === 200 ? { done: true, value: undefined } : { done: false, saw: `status ${status}` };
    },
  });
  return started;
}

async function docker(args: readonly string[], accept: readonly number[] | "any" = [0]): Promise<void> {
  await exec("docker", args, { timeoutMs: 300_000, accept });
}
