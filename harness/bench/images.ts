/** Changed images onto a running cluster: ours against `kind load docker-image` with images of the same size and shape. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker } from "../cluster/docker.ts";
import { exec } from "../cluster/exec.ts";
import { IMAGE_PREFIX } from "../cluster/images/build.ts";
import { loadOntoNodes } from "../cluster/images/load.ts";
import { kindProvider } from "../cluster/kind.ts";
import { LABEL_OWNER, OWNER } from "../cluster/labels.ts";
import { setupState } from "../cluster/setup/index.ts";
import type { BenchOptions } from "./cluster.ts";
import { type Comparison, compare, secondsOf } from "./comparison.ts";

const CLUSTER = "faultline-bench-load";
const LIMIT = 1.0;
const MIB = 1024 * 1024;

interface Shape {
  readonly what: string;
  readonly note: string;
  /** Sizes of new layers in MiB; random, so that nothing can be compressed away. */
  readonly layersMiB: readonly number[];
  /** On top of the base that the nodes know, or of nothing. */
  readonly onBase: boolean;
}
const SHAPES: readonly Shape[] = [
  {
    what: "load of a changed sample",
    note: "a small layer on the Node base that the nodes have already, to three nodes",
    layersMiB: [1],
    onBase: true,
  },
  {
    what: "load of a wholly new image",
    note: "three layers of 40 MiB that no node has, to three nodes",
    layersMiB: [40, 40, 40],
    onBase: false,
  },
];

export async function benchImages(options: BenchOptions): Promise<readonly Comparison[]> {
  const { kindBinary, nodeBaseImage } = await setupState();
  const made: string[] = [];
  const cluster = await kindProvider.up({
    ...{ name: CLUSTER, spec: { topology: "two-workers" }, images: [], onProgress: options.onProgress },
  });
  try {
    const nodes = (await cluster.nodes()).map((node) => node.name);
    await loadOntoNodes(nodes, [nodeBaseImage]);
    const results: Comparison[] = [];
    for (const shape of SHAPES) {
      const fresh = async () => {
        const reference = await buildFresh(shape, nodeBaseImage);
        made.push(reference);
        return reference;
      };
      const contest = { ...options, what: shape.what, note: shape.note, limit: LIMIT };
      results.push(
        await compare({
          ...contest,
          ours: async () => {
            const reference = await fresh();
            return await secondsOf(() => loadOntoNodes(nodes, [reference]));
          },
          reference: async () => {
            const args = ["load", "docker-image", await fresh(), "--name", CLUSTER];
            return await secondsOf(() => exec(kindBinary, args, { timeoutMs: 600_000 }));
          },
        }),
      );
    }
    return results;
  } finally {
    cluster.kube.close();
    await kindProvider.down(CLUSTER, () => {});
    if (made.length > 0) await docker(["image", "rm", "--force", ...made], { accept: "any" });
  }
}

/** An image that nobody has seen. */
async function buildFresh(shape: Shape, base: string): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), "faultline-bench-"));
  try {
    const files = shape.layersMiB.map((size, index) => ({ name: `layer-${index}`, size }));
    await Promise.all(files.map(({ name, size }) => writeFile(join(context, name), randomBytes(size * MIB))));
    const from = shape.onBase ? base : "scratch";
    const lines = [`FROM ${from}`, ...files.map(({ name }) => `COPY ${name} /${name}`)];
    await writeFile(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
    const reference = `${IMAGE_PREFIX}bench:${randomBytes(6).toString("hex")}`;
    await docker(["build", "--tag", reference, "--label", `${LABEL_OWNER}=${OWNER}`, context], { timeoutMs: 300_000 });
    return reference;
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
