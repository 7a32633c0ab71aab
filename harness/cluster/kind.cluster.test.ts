/**
 * A cluster in a world of its own: own state folder, own network. Shows what must hold from the first packet of a
 * booting node to the removal of the last cluster. Only addresses that RFC 5737 keeps for documentation are called.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepLookupsInside } from "./dns.ts";
import { docker } from "./docker.ts";
import { exec } from "./exec.ts";
import { findFirewall } from "./firewall.ts";
import { kindProvider } from "./kind.ts";
import { ensureNetwork, networkOf, rejectedSoFar } from "./network.ts";
import { clusterFolder } from "./paths.ts";
import type { ClusterHandle, NodeHandle, UpRequest } from "./provider.ts";
import { waitFor } from "./wait.ts";

const NAME = "faultline-own-world";
const NETWORK = "fl-own";
const OUTSIDE = ["192.0.2.1", "198.51.100.1"] as const;
const MIB = 1024 * 1024;
const LIMITS = { cpus: 1, memoryMiB: 1536 } as const;

const before = { home: process.env.FAULTLINE_HOME, network: process.env.FAULTLINE_NETWORK };
const kindFolder = join(
  before.home ?? join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "", ".cache"), "faultline"),
  "bin",
);
const world = mkdtempSync(join(tmpdir(), "faultline-world-"));
let cluster: ClusterHandle;
let request: UpRequest;
let bootCall: Promise<boolean> | undefined;

/** Calls an address from a node; true when it was refused at once (curl's 7; a time-out would be 28). */
async function refusedCall(node: string, address: string): Promise<boolean> {
  const curl = ["curl", "--silent", "--max-time", "20", `http://${address}/`];
  return (await docker(["exec", node, ...curl], { accept: "any" })).exitCode === 7;
}

/** Rules that only count, in a table that decides nothing; found again by their comment. */
const counting = {
  // What a node sends towards service addresses before kube-proxy has written its rules.
  services: ["PREROUTING", "-i", `br-${NETWORK}`, "-d", "10.96.0.0/16"],
  lookups: ["PREROUTING", "-i", `br-${NETWORK}`, "-d", "192.0.2.53"],
  // What was forwarded off the bridge although it may not.
  left: ["POSTROUTING", "!", "-o", `br-${NETWORK}`],
};
const COMMENT = ["-m", "comment", "--comment", "faultline-test"];

async function iptables(...args: string[]): Promise<string> {
  return (await (await findFirewall(undefined)).run(args)).stdout;
}
/** Packets that a counting rule has seen. */
async function counted(chain: string, marker: string): Promise<number> {
  const listing = await iptables("-t", "mangle", "-L", chain, "-v", "-x", "-n");
  const line = listing.split("\n").find((row) => row.includes("faultline-test") && row.includes(marker));
  return Number(/^\s*(\d+)/.exec(line ?? "")?.[1] ?? Number.NaN);
}

beforeAll(async () => {
  process.env.FAULTLINE_HOME = world;
  process.env.FAULTLINE_NETWORK = NETWORK;
  process.env.PATH = `${kindFolder}:${process.env.PATH}`;
  await ensureNetwork("rejected", undefined);
  const subnet = await docker(["network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", NETWORK]);
  await iptables("-t", "mangle", "-I", ...counting.services, ...COMMENT);
  await iptables("-t", "mangle", "-I", ...counting.lookups, ...COMMENT);
  await iptables("-t", "mangle", "-I", ...counting.left, "-s", subnet.stdout.trim(), ...COMMENT);
  counting.left.push("-s", subnet.stdout.trim());

  const context = join(world, "caller");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "ARG BASE\nFROM ${BASE}\nCOPY caller.txt /caller.txt\n");
  writeFileSync(join(context, "caller.txt"), "made for a test\n");
  const topology = join(world, "one-worker.yaml");
  writeFileSync(
    topology,
    "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}]\n",
  );
  request = {
    name: NAME,
    spec: { topology, nodeLimits: LIMITS },
    images: [{ name: "caller", context }],
    onProgress: (line) => {
      // Long before kube-proxy writes the rules that keep service addresses on the node.
      if (line.startsWith("Preparing nodes")) bootCall = refusedCall(`${NAME}-worker`, "10.96.0.1:443");
    },
  };
  cluster = await kindProvider.up(request);
});

afterAll(async () => {
  await kindProvider.down(NAME, () => {});
  await iptables("-t", "mangle", "-D", ...counting.services, ...COMMENT);
  await iptables("-t", "mangle", "-D", ...counting.lookups, ...COMMENT);
  await iptables("-t", "mangle", "-D", ...counting.left, ...COMMENT);
  rmSync(world, { recursive: true, force: true });
  for (const [key, value] of [
    ["FAULTLINE_HOME", before.home],
    ["FAULTLINE_NETWORK", before.network],
  ] as const) {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  }
});

const worker = async () => (await cluster.nodes()).find(({ role }) => role === "worker") as NodeHandle;

describe("hermetic", () => {
  test("a booting node's call to a service address was rejected and counted, and did not leave", async () => {
    expect(await bootCall).toBe(true);
    expect(await counted("PREROUTING", "10.96.0.0/16")).toBeGreaterThan(0);
    expect((await rejectedSoFar())?.packets).toBeGreaterThan(0);
    expect(await counted("POSTROUTING", `!br-${NETWORK}`)).toBe(0);
  });

  test.each(OUTSIDE)("a node's call to %s is rejected and counted, and does not leave", async (address) => {
    const earlier = (await rejectedSoFar())?.packets ?? Number.NaN;
    expect(await refusedCall(`${NAME}-worker`, address)).toBe(true);
    expect((await rejectedSoFar())?.packets).toBeGreaterThan(earlier);
    expect(await counted("POSTROUTING", `!br-${NETWORK}`)).toBe(0);
  });

  test("a pod's call outside is rejected and counted; its call to the API server works", async () => {
    const earlier = (await rejectedSoFar())?.packets ?? Number.NaN;
    const log = await podLog(
      "caller",
      `const dial = (host, port) => new Promise((done) => {
         const socket = require("net").connect({ host, port }, () => { socket.destroy(); done("connected"); });
         socket.on("error", (error) => done(error.code));
       });
       (async () => {
         console.log("outside " + await dial("${OUTSIDE[0]}", 80));
         console.log("api " + await dial(process.env.KUBERNETES_SERVICE_HOST, 443));
         const lookup = (name) => require("dns/promises").lookup(name).then(() => "found", (error) => error.code);
         // A cluster is up before its DNS is.
         let inside = await lookup("kubernetes.default.svc.cluster.local");
         for (let i = 0; i < 100 && inside !== "found"; i++) {
           await new Promise((done) => setTimeout(done, 250));
           inside = await lookup("kubernetes.default.svc.cluster.local");
         }
         console.log("inside name " + inside);
         console.log("outside name " + await lookup("faultline.invalid"));
       })();`,
    );
    expect(log).toContain("outside ECONNREFUSED");
    expect(log).toContain("api connected");
    expect(log).toContain("inside name found");
    expect(log).toMatch(/outside name (ENOTFOUND|EAI_AGAIN)/);
    expect((await rejectedSoFar())?.packets).toBeGreaterThan(earlier);
    expect(await counted("POSTROUTING", `!br-${NETWORK}`)).toBe(0);
  });

  test("where the engine would ask a name server of the host, the cluster's DNS asks an address that is nobody's", async () => {
    await keepLookupsInside(cluster.kube);
    await waitFor({
      what: "a lookup of an outside name seen on its way to nowhere",
      probe: async () => {
        await podLog(`lookup-${Date.now()}`, `require("dns").lookup("faultline.invalid", () => process.exit())`);
        const packets = await counted("PREROUTING", "192.0.2.53");
        return packets > 0 ? { done: true, value: packets } : { done: false, saw: `${packets} packets` };
      },
      timeoutMs: 120_000,
      everyMs: 1_000,
    });
    expect(await counted("POSTROUTING", `!br-${NETWORK}`)).toBe(0);
  });

  test("nodes reach each other, and published ports reach the nodes", async () => {
    const node = await worker();
    const { stdout } = await node.exec(
      ["curl", "--silent", "--insecure", `https://${NAME}-control-plane:6443/healthz`],
      {
        timeoutMs: 30_000,
      },
    );
    expect(stdout).toBe("ok");
    const [listed] = (await kindProvider.list()).filter(({ name }) => name === NAME);
    const url = listed?.ingressUrl as string;
    await startPod("listener", `require("http").createServer((_, answer) => answer.end("hello")).listen(30080)`, {
      hostNetwork: true,
      nodeName: `${NAME}-control-plane`,
    });
    const text = await waitFor({
      what: `an answer at ${url}`,
      probe: async () => ({ done: true, value: await (await fetch(url)).text() }),
      timeoutMs: 60_000,
      everyMs: 250,
    });
    expect(text).toBe("hello");
  });
});

describe("the cluster", () => {
  test("kubectl works with its own kubeconfig, and the user's was not touched", async () => {
    const nodes = await cluster.kube.list({ apiVersion: "v1", kind: "Node" });
    expect(nodes.map((node) => node.metadata.name).sort()).toEqual([`${NAME}-control-plane`, `${NAME}-worker`]);
    expect(cluster.kubeconfig).toBe(join(clusterFolder(NAME), "kubeconfig"));
    const users = await exec("cat", [join(process.env.HOME ?? "", ".kube/config")], {
      timeoutMs: 5_000,
      accept: "any",
    });
    expect(users.stdout).not.toContain(NAME);
  });

  test("workers are capped, and the scheduler sees the cap", async () => {
    const inspect = await docker([
      "inspect",
      "--format",
      "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}",
      `${NAME}-worker`,
    ]);
    expect(inspect.stdout.trim()).toBe(`${LIMITS.cpus * 1e9} ${LIMITS.memoryMiB * MIB}`);
    const node = await cluster.kube.get({ apiVersion: "v1", kind: "Node", name: `${NAME}-worker` });
    expect(node.status.allocatable.cpu).toBe(String(LIMITS.cpus));
    expect(node.status.allocatable.memory).toBe(`${LIMITS.memoryMiB}Mi`);
    const controlPlane = await cluster.kube.get({ apiVersion: "v1", kind: "Node", name: `${NAME}-control-plane` });
    expect(controlPlane.status.allocatable.cpu).toBe(controlPlane.status.capacity.cpu);
  });

  test("a run's images were in the node image: loading finds them there", async () => {
    // One image of that name on the node, though loading was never needed: its hash is the content's.
    const references = await cluster.loadImages(request.images);
    const { stdout } = await (await worker()).exec(["crictl", "images", "--output", "json"], { timeoutMs: 30_000 });
    expect(stdout).toContain(references.caller);
  });

  test("changed images reach every node, and their new content is what runs", async () => {
    writeFileSync(join(world, "caller", "caller.txt"), "changed\n");
    const references = await cluster.loadImages(request.images);
    const log = await podLog(
      "changed",
      `console.log(require("fs").readFileSync("/caller.txt", "utf8"))`,
      references.caller,
    );
    expect(log).toContain("changed");
  });

  test("its name is taken; who attaches gets it, unless it does not fit", async () => {
    await expect(kindProvider.up(request)).rejects.toMatchObject({ code: "cluster" });
    const attached = await kindProvider.attach(request);
    expect(attached.created).toBe(false);
    expect(await attached.kube.version()).toMatch(/^v1\./);
    attached.kube.close();
    const larger = { ...request, spec: { ...request.spec, topology: "two-workers" } };
    await expect(kindProvider.attach(larger)).rejects.toThrow("has 1 workers");
    const open = { ...request, spec: { ...request.spec, egress: "allowed" as const } };
    await expect(kindProvider.attach(open)).rejects.toThrow("egress");
  });
});

test("gc leaves a cluster whose process lives; takes it, the network and the rule when that is gone", async () => {
  expect(await kindProvider.gc(() => {})).not.toContain(`cluster ${NAME}`);
  const file = join(clusterFolder(NAME), "cluster.json");
  const record = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...record, owner: "999999999.1.deadbeef" }));
  const removed = await kindProvider.gc(() => {});
  const bridge = networkOf("rejected").bridge;
  expect(removed).toEqual(
    expect.arrayContaining([`cluster ${NAME}`, `network ${NETWORK}`, `iptables rule for ${bridge}`]),
  );
  expect((await kindProvider.list()).map(({ name }) => name)).not.toContain(NAME);
  expect(await rejectedSoFar()).toBeNull();
  await kindProvider.down(NAME, () => {}); // gone already is right
});

async function startPod(name: string, script: string, spec: object = {}, image?: string): Promise<void> {
  const { caller } = await cluster.loadImages(request.images);
  await cluster.kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: {
      restartPolicy: "Never",
      containers: [{ name: "node", image: image ?? caller, command: ["node", "-e", script] }],
      ...spec,
    },
  });
}

/** Runs a script in a pod on the worker and returns its log. */
async function podLog(name: string, script: string, image?: string): Promise<string> {
  await startPod(name, script, {}, image);
  const ref = { apiVersion: "v1", kind: "Pod", namespace: "default", name };
  await waitFor({
    what: `pod ${name} ended`,
    probe: async () => {
      const phase = (await cluster.kube.get(ref))?.status?.phase;
      return phase === "Succeeded" || phase === "Failed" ? { done: true, value: null } : { done: false, saw: phase };
    },
    timeoutMs: 120_000,
    everyMs: 250,
  });
  return await cluster.kube.request("GET", `/api/v1/namespaces/default/pods/${name}/log`);
}
