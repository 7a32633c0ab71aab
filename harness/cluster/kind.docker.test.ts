/** What must not be touched, and what must not be left behind. No cluster gets to the point of booting here. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FaultlineError } from "../errors.ts";
import { docker, imageId, nodeContainers, ownerLabels } from "./docker.ts";
import { kindProvider } from "./kind.ts";
import { KIND_CLUSTER_LABEL } from "./labels.ts";
import { networkOf } from "./network.ts";
import { LABEL_PROCESS } from "./owner.ts";
import type { UpRequest } from "./provider.ts";
import { setupState } from "./setup/index.ts";

const before = { ...process.env };
const world = mkdtempSync(join(tmpdir(), "faultline-world-"));
const topology = join(world, "one-node.yaml");
const ONE_NODE = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";
let image: string;

beforeAll(async () => {
  const cache = before.FAULTLINE_HOME ?? join(before.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultline");
  process.env.PATH = `${join(cache, "bin")}:${before.PATH}`;
  process.env.FAULTLINE_HOME = world;
  process.env.FAULTLINE_NETWORK = "fl-none";
  writeFileSync(topology, ONE_NODE);
  image = (await setupState()).nodeBaseImage;
});
afterAll(() => {
  rmSync(world, { recursive: true, force: true });
  process.env = before;
});

const requestOf = (name: string, more: Partial<UpRequest> = {}): UpRequest => ({
  name,
  spec: { topology },
  images: [],
  onProgress: () => {},
  ...more,
});
const failure = async (work: Promise<unknown>) =>
  (await work.then(
    () => null,
    (error) => error,
  )) as FaultlineError;

/** Nothing of a cluster is left: no container, no network, no folder. */
async function expectNothingOf(name: string): Promise<void> {
  expect(await nodeContainers(name)).toEqual([]);
  const network = await docker(["network", "inspect", networkOf("rejected").name], { accept: "any" });
  expect(network.exitCode).not.toBe(0);
  expect(readdirSync(join(world, "clusters"))).not.toContain(name);
}

describe("a foreign cluster of the name", () => {
  const NAME = "faultline-foreign";
  beforeAll(async () => {
    const labels = ["--label", `${KIND_CLUSTER_LABEL}=${NAME}`, "--label", "io.x-k8s.kind.role=control-plane"];
    await docker([
      "run",
      "--detach",
      "--name",
      NAME,
      ...labels,
      "--entrypoint",
      "node",
      image,
      "-e",
      "setTimeout(() => {}, 1e9)",
    ]);
  });
  afterAll(async () => {
    await docker(["rm", "--force", NAME]);
  });

  test.each([
    ["created over", () => kindProvider.up(requestOf(NAME))],
    ["attached to", () => kindProvider.attach(requestOf(NAME))],
    ["removed", () => kindProvider.down(NAME, () => {})],
  ])("is not %s", async (_verb, call) => {
    expect((await failure(call())).code).toBe("not-ours");
    expect((await nodeContainers(NAME)).map(({ running }) => running)).toEqual([true]);
  });

  test("is neither listed nor collected", async () => {
    expect((await kindProvider.list()).map(({ name }) => name)).not.toContain(NAME);
    await kindProvider.gc(() => {});
    expect((await nodeContainers(NAME)).map(({ running }) => running)).toEqual([true]);
  });
});

test("gc takes a container whose process is gone and leaves one whose process lives", async () => {
  const run = async (...labels: readonly string[]) => {
    const args = ["run", "--detach", ...labels, "--entrypoint", "node", image, "-e", "setTimeout(() => {}, 1e9)"];
    return (await docker(args)).stdout.trim();
  };
  const living = await run(...ownerLabels());
  const stray = await run(...ownerLabels(), "--label", `${LABEL_PROCESS}=999999999.1.deadbeef`);
  try {
    await kindProvider.gc(() => {});
    const { stdout } = await docker(["ps", "--quiet", "--no-trunc"]);
    expect(stdout).toContain(living);
    expect(stdout).not.toContain(stray);
  } finally {
    await docker(["rm", "--force", living, stray], { accept: "any" });
  }
});

test("a boot that fails shows kind's output, keeps the logs, says what to do, tried twice, and leaves nothing", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  writeFileSync(
    topology,
    `${ONE_NODE}nodes: [{role: control-plane, extraPortMappings: [{containerPort: 1, hostPort: ${port}, listenAddress: 127.0.0.1}]}]\n`,
  );
  const progress: string[] = [];
  try {
    const error = await failure(
      kindProvider.up(requestOf("faultline-no-port", { onProgress: (line) => progress.push(line) })),
    );
    expect(error.code).toBe("cluster");
    expect(error.message).toContain("Preparing nodes");
    expect(error.message).toMatch(/port is already allocated|address already in use/);
    expect(error.fix).toContain("port");
    expect(readdirSync(String(error.context.logs))).not.toEqual([]);
    expect(progress.filter((line) => line.includes("trying once more"))).toHaveLength(1);
    await expectNothingOf("faultline-no-port");
  } finally {
    taken.close();
    writeFileSync(topology, ONE_NODE);
  }
});

test("a creation that is stopped between two steps leaves nothing", async () => {
  const stop = new AbortController();
  const onProgress = (line: string) => {
    if (line.startsWith("Preparing nodes")) stop.abort();
  };
  const error = await failure(kindProvider.up(requestOf("faultline-stopped", { onProgress, signal: stop.signal })));
  expect(error.code).toBe("interrupted");
  await expectNothingOf("faultline-stopped");
});

test("a mistake in the request makes nothing at all", async () => {
  const missing = await failure(kindProvider.up(requestOf("faultline-mistake", { spec: { topology: "none-such" } })));
  expect(missing.code).toBe("usage");
  const spec = { topology, nodeLimits: { cpus: 5_000 } };
  expect((await failure(kindProvider.up(requestOf("faultline-mistake", { spec })))).message).toContain("cpus: 5000");
  const image = { topology, nodeImage: "localhost/faultline/none-such:1" };
  expect((await failure(kindProvider.up(requestOf("faultline-mistake", { spec: image })))).code).toBe("setup");
  expect(await imageId("localhost/faultline/none-such:1")).toBeNull();
  await expectNothingOf("faultline-mistake");
});

test("two creations of one name at a time: the second is refused", async () => {
  const stop = new AbortController();
  const first = failure(
    kindProvider.up(requestOf("faultline-twice", { signal: stop.signal, onProgress: () => stop.abort() })),
  );
  const second = await failure(kindProvider.up(requestOf("faultline-twice")));
  expect(second.code).toBe("cluster-busy");
  stop.abort();
  expect((await first).code).toBe("interrupted");
  await expectNothingOf("faultline-twice");
});
