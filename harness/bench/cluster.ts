/** `faultline cluster up` against a bare `kind create cluster` with the same config. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../cluster/exec.ts";
import { freePorts } from "../cluster/free-port.ts";
import { readHostTraits } from "../cluster/host-traits.ts";
import { kindProvider } from "../cluster/kind.ts";
import { removeNodes } from "../cluster/kind-create.ts";
import { ensureNetwork, networkOf } from "../cluster/network.ts";
import { processToken } from "../cluster/owner.ts";
import { type ClusterRecord, removeClusterFolder, writeRecord } from "../cluster/record.ts";
import { setupState } from "../cluster/setup/index.ts";
import { kindConfigOf, readTopology } from "../cluster/topology.ts";
import type { ClusterSpec } from "../types.ts";
import { type Comparison, compare, secondsOf } from "./comparison.ts";

const TOPOLOGY = "two-workers";
const BARE = "faultline-bench-bare";
const OURS = "faultline-bench-ours";
const LIMIT = 1.15;
const RECORD: Omit<ClusterRecord, "createdAt" | "owner"> = {
  ...{ schemaVersion: 1, name: BARE, state: "creating", keep: false, topology: TOPOLOGY },
  network: networkOf("rejected").name,
};

export interface BenchOptions {
  readonly rounds: number;
  readonly onProgress: (line: string) => void;
}

/** Two comparisons: the cluster alone, and with an ingress controller that answers, which the bare one never has. */
export async function benchCluster(options: BenchOptions): Promise<readonly Comparison[]> {
  const bare: ClusterSpec = { topology: TOPOLOGY };
  // Node images are prepared once per content; a boot is what is measured.
  await upAndDown({ ...bare, ingress: "traefik" });
  await upAndDown(bare);
  const reference = () => bareCreate();
  const contest = { ...options, limit: LIMIT, reference };
  return [
    await compare({
      ...contest,
      what: "cluster up",
      note: "until all nodes are Ready; the bare kind create returns when they have joined",
      ours: () => upAndDown(bare),
    }),
    await compare({
      ...contest,
      what: "cluster up with ingress",
      note: "until all nodes are Ready and Traefik answers; the bare kind create has no ingress controller",
      ours: () => upAndDown({ ...bare, ingress: "traefik" }),
    }),
  ];
}

async function upAndDown(spec: ClusterSpec): Promise<number> {
  try {
    return await secondsOf(async () => {
      const cluster = await kindProvider.up({ name: OURS, spec, images: [], onProgress: () => {} });
      cluster.kube.close();
    });
  } finally {
    await kindProvider.down(OURS, () => {});
  }
}

/** On our network, so that nothing leaves it; its node image as `faultline setup` found or built it. */
async function bareCreate(): Promise<number> {
  await removeNodes(BARE); // of a bench that was killed: gc does not know them
  // Others must not take the network away between this and the first node.
  await writeRecord({ ...RECORD, createdAt: new Date().toISOString(), owner: processToken() });
  const folder = await mkdtemp(join(tmpdir(), "faultline-bench-"));
  const setup = await setupState();
  const [host, [ingressPort = 0, apiServerPort = 0], network] = await Promise.all([
    readHostTraits(),
    freePorts(BARE, 2),
    ensureNetwork("rejected", setup.nodeImage),
  ]);
  const choices = {
    ...{ name: BARE, nodeImage: setup.nodeImage, ingressPort, apiServerPort, host, quickBoot: false },
    imageFromPackages: setup.surroundings === "packages",
  };
  const config = join(folder, "kind.yaml");
  await writeFile(config, kindConfigOf(await readTopology(TOPOLOGY), choices));
  const args = ["create", "cluster", "--name", BARE, "--config", config, "--kubeconfig", join(folder, "kubeconfig")];
  const env = { KIND_EXPERIMENTAL_DOCKER_NETWORK: network };
  try {
    return await secondsOf(() => exec(setup.kindBinary, args, { timeoutMs: 600_000, ownGroup: true, env }));
  } finally {
    await removeNodes(BARE);
    await removeClusterFolder(BARE);
    await rm(folder, { recursive: true, force: true });
  }
}
