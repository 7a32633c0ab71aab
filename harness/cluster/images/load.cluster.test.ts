/** Images onto running nodes: only what is missing, from either of Docker's image stores, as kubelet sees it. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedCluster } from "../../testing/shared-cluster.ts";
import { docker, ownerLabels } from "../docker.ts";
import { exec, execStream } from "../exec.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import type { ClusterHandle } from "../provider.ts";
import { setupState } from "../setup/index.ts";
import { waitFor } from "../wait.ts";
import { loadOntoNodes } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-load-"));
const loaded: string[] = [];
let cluster: ClusterHandle;
let nodes: readonly string[];

beforeAll(async () => {
  cluster = await sharedCluster();
  nodes = (await cluster.nodes()).map(({ name }) => name);
});
afterAll(async () => {
  for (const node of nodes) await docker(["exec", node, "crictl", "rmi", ...loaded], { accept: "any" });
  await docker(["image", "rm", ...loaded], { accept: "any" });
  rmSync(folder, { recursive: true, force: true });
});

/** A tag that no node and no engine knows yet. */
function freshTag(): string {
  const tag = `localhost/faultline/load-test:${randomBytes(6).toString("hex")}`;
  loaded.push(tag);
  return tag;
}
async function build(tag: string, layers: readonly Buffer[]): Promise<void> {
  const context = join(folder, tag.split(":").at(-1) as string);
  mkdirSync(context);
  layers.forEach((layer, index) => {
    writeFileSync(join(context, `layer-${index}`), layer);
  });
  const lines = ["FROM scratch", ...layers.map((_, index) => `COPY layer-${index} /layer-${index}`)];
  writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
  await docker(["build", "--tag", tag, "--label", `${LABEL_OWNER}=${OWNER}`, context]);
}
const shown = async (node: string) => (await docker(["exec", node, "crictl", "images"])).stdout;

test("an image reaches every node once; a second load finds it there and asks the engine for nothing", async () => {
  const tag = freshTag();
  await build(tag, [randomBytes(100_000)]);
  expect(await loadOntoNodes(nodes, [tag])).toMatchObject({ nodes, references: [tag] });
  for (const node of nodes) expect(await shown(node)).toContain(tag.split(":").at(-1));
  const never = () => {
    throw new Error("asked the engine");
  };
  expect(await loadOntoNodes(nodes, [tag], never)).toEqual({ nodes: [], references: [], bytes: 0 });
});

test("a node that has an image already is left alone", async () => {
  const tag = freshTag();
  await build(tag, [randomBytes(100_000)]);
  await loadOntoNodes(nodes.slice(0, 1), [tag]);
  expect((await loadOntoNodes(nodes, [tag])).nodes).toEqual(nodes.slice(1));
});

test("an image whose base the nodes have runs, though its base was not sent again", async () => {
  const { nodeBaseImage } = await setupState();
  await loadOntoNodes(nodes, [nodeBaseImage]);
  const context = join(folder, "on-base");
  mkdirSync(context);
  const word = randomBytes(8).toString("hex");
  writeFileSync(join(context, "Dockerfile"), `FROM ${nodeBaseImage}\nCOPY word /word\n`);
  writeFileSync(join(context, "word"), word);
  const { sample } = await cluster.loadImages([{ name: "sample", context }]);
  loaded.push(sample as string);
  const pod = { apiVersion: "v1", kind: "Pod", namespace: "default", name: `on-base-${word}` };
  await cluster.kube.apply({
    ...{
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod.name, namespace: "default", labels: { [LABEL_OWNER]: OWNER } },
    },
    spec: {
      restartPolicy: "Never",
      containers: [
        {
          name: "app",
          image: sample,
          imagePullPolicy: "Never",
          command: ["node", "-e", "console.log(require('fs').readFileSync('/word', 'utf8'))"],
        },
      ],
    },
  });
  const lines: string[] = [];
  const first = Promise.withResolvers<void>();
  const log = cluster.kube.followLog(pod, (line) => {
    lines.push(line);
    first.resolve();
  });
  await first.promise;
  await log.stop();
  await cluster.kube.delete(pod);
  expect(lines).toEqual([word]);
});

describe("Docker's containerd image store", () => {
  /** An engine with that store, in a container of its own: the programs are this machine's, everything else is not. */
  const dockerd = ["/usr/sbin/dockerd", "/usr/bin/dockerd"].find((path) => existsSync(path));
  const inside = ["chroot", "/host", "docker", "--host", "unix:///run/engine.sock"];
  let engine = "";

  beforeAll(async () => {
    if (dockerd === undefined) return;
    const run = [
      ...["run", "--detach", "--privileged", "--network", "none", ...ownerLabels()],
      ...[
        "--volume",
        "/:/host:ro",
        "--mount",
        "type=volume,dst=/host/mnt",
        "--tmpfs",
        "/host/run",
        "--tmpfs",
        "/host/tmp",
      ],
      ...["--entrypoint", "sleep", (await setupState()).nodeImage, "infinity"],
    ];
    engine = (await docker(run)).stdout.trim();
    const options =
      "--data-root /mnt/data --exec-root /run/engine --pidfile /run/engine.pid --host unix:///run/engine.sock";
    // containerd looks itself up by its number: in the machine's /proc that is another process, or none.
    const start = `mount -t proc proc /host/proc && echo '{"features": {"containerd-snapshotter": true}}' > /host/mnt/daemon.json
      chroot /host ${dockerd} --config-file /mnt/daemon.json --bridge none --iptables=false --ip6tables=false ${options} >/host/mnt/log 2>&1`;
    await docker(["exec", "--detach", engine, "sh", "-c", start]);
    const status = await waitFor({
      what: "the engine with the containerd image store",
      probe: async () => {
        const { exitCode, stdout, stderr } = await docker(
          ["exec", engine, ...inside, "info", "--format", "{{.DriverStatus}}"],
          { accept: "any" },
        );
        if (exitCode === 0 && stdout !== "") return { done: true, value: stdout };
        const log = await docker(["exec", engine, "tail", "-n", "5", "/host/mnt/log"], { accept: "any" });
        return { done: false, saw: `${stdout} ${stderr}\n${log.stdout}${log.stderr}` };
      },
      timeoutMs: 60_000,
      everyMs: 250,
    });
    expect(status).toContain("io.containerd.snapshotter.v1");
  });
  afterAll(async () => {
    if (engine !== "") await docker(["rm", "--force", "--volumes", engine], { accept: "any" });
  });

  test.skipIf(dockerd === undefined)("what it saves arrives, and layers that the nodes have are not sent", async () => {
    const [small, large] = [freshTag(), freshTag()];
    const shared = randomBytes(3_000_000);
    await build(small, [shared]);
    await build(large, [shared, randomBytes(1_000)]);
    const through = async (tag: string) => {
      const { output, done } = execStream("docker", ["save", tag], { timeoutMs: 60_000 });
      await exec("docker", ["exec", "--interactive", engine, ...inside, "load"], { timeoutMs: 60_000, input: output });
      await done;
    };
    await through(small);
    await through(large);
    const save = (references: readonly string[]) =>
      execStream("docker", ["exec", engine, ...inside, "save", ...references], { timeoutMs: 60_000 });
    expect((await loadOntoNodes(nodes, [small], save)).bytes).toBeGreaterThan(shared.length);
    expect((await loadOntoNodes(nodes, [large], save)).bytes).toBeLessThan(100_000);
    for (const node of nodes) {
      for (const tag of [small, large]) expect(await shown(node)).toContain(tag.split(":").at(-1));
    }
  });

  test("an image that lists platforms whose content is not here arrives for this one", async () => {
    const tag = freshTag();
    const archive = await multiPlatformArchive(tag);
    await loadOntoNodes(nodes, [tag], () => {
      const output = new PassThrough();
      output.end(archive);
      return { output, done: Promise.resolve() };
    });
    for (const node of nodes) expect(await shown(node)).toContain(tag.split(":").at(-1));
  });
});

/** What that store saves of an image pulled for one platform of two: the index names both, one has no content. */
async function multiPlatformArchive(tag: string): Promise<Buffer> {
  const layout = join(folder, "layout");
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (data: Buffer | object) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, sha256), bytes);
    return { digest: `sha256:${sha256}`, size: bytes.length };
  };
  writeFileSync(join(folder, "content"), randomBytes(1_000));
  await exec("tar", ["-C", folder, "-cf", join(folder, "layer.tar"), "content"], { timeoutMs: 10_000 });
  const tar = readFileSync(join(folder, "layer.tar"));
  const { stdout } = await docker(["version", "--format", "{{.Server.Arch}}"]);
  const architecture = stdout.trim();
  const layer = put(tar);
  const config = put({ architecture, os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [layer.digest] } });
  const type = "application/vnd.oci.image";
  const manifest = put({
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, ...config },
    layers: [{ mediaType: `${type}.layer.v1.tar`, ...layer }],
  });
  const absent = { digest: `sha256:${"ab".repeat(32)}`, size: 400 };
  const index = put({
    schemaVersion: 2,
    mediaType: `${type}.index.v1+json`,
    manifests: [
      { mediaType: `${type}.manifest.v1+json`, ...manifest, platform: { os: "linux", architecture } },
      { mediaType: `${type}.manifest.v1+json`, ...absent, platform: { os: "linux", architecture: "riscv64" } },
    ],
  });
  const top = {
    schemaVersion: 2,
    manifests: [{ mediaType: `${type}.index.v1+json`, ...index, annotations: { "io.containerd.image.name": tag } }],
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify(top));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await exec("tar", ["-C", layout, "-cf", join(folder, "image.tar"), "blobs", "index.json", "oci-layout"], {
    timeoutMs: 10_000,
  });
  return readFileSync(join(folder, "image.tar"));
}
