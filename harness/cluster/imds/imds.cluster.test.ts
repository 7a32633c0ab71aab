/** The metadata mock on a real cluster: nothing leaves a node, whose call it is, and what an arm sets. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedCluster } from "../../testing/shared-cluster.ts";
import type { Round } from "../imds-server/canary.ts";
import type { ClusterHandle, NodeHandle } from "../provider.ts";
import { waitFor } from "../wait.ts";
import { IMDS_IMAGE, METADATA_ADDRESS } from "./address.ts";
import { isClaimed } from "./claim.ts";
import { installImds, missingImds, setImds } from "./install.ts";
import { askCanaries, readMocks } from "./mocks.ts";

const NAMESPACE = "default";
const PORT = 16_925;
const MINUTE = 60_000;
/** Mocks that live on go on counting: what this run counts has names of its own. */
const RUN = Date.now().toString(36);
let cluster: ClusterHandle;
let nodes: readonly NodeHandle[];
const pods: string[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  nodes = await cluster.nodes();
  await installImds(cluster);
});
afterAll(async () => {
  await Promise.all(pods.map(removePod));
  await Promise.all(nodes.map(async (node) => run(node, COUNT_NO_MORE)));
  await installImds(cluster);
});

const run = async (node: NodeHandle, script: string) =>
  (await node.exec(["bash", "-c", script], { timeoutMs: 20_000, accept: "any" })).stdout;
const removePod = (name: string) =>
  cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace: NAMESPACE, name }, { gracePeriodSeconds: 0 });

/** Whatever leaves the node for the address, by any device but the loopback, is counted here. */
const RULE = `POSTROUTING ! -o lo -d ${METADATA_ADDRESS}/32 -m comment --comment imds-test -j ACCEPT`;
const COUNT = `iptables -w 5 -t mangle -I ${RULE}`;
const COUNT_NO_MORE = `while iptables -w 5 -t mangle -D ${RULE} 2>/dev/null; do :; done`;
const packetsOut = async (node: NodeHandle) =>
  Number((await run(node, `iptables -w 5 -t mangle -L POSTROUTING -v -x -n | awk '/imds-test/ { print $1 }'`)) || "-1");

/** A pod that asks as the canary does. */
async function podThatAsks(name: string, role: string | null): Promise<() => Promise<Round>> {
  const images = await cluster.loadImages([IMDS_IMAGE]);
  pods.push(name);
  await cluster.kube.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: NAMESPACE,
      ...(role === null ? {} : { annotations: { "iam.amazonaws.com/role": role } }),
    },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: "ask",
          image: images[IMDS_IMAGE.name],
          imagePullPolicy: "Never",
          env: [{ name: "ROLE", value: "canary" }],
        },
      ],
    },
  });
  const pod = { namespace: NAMESPACE, name, port: PORT };
  await waitFor({
    what: `pod ${name} answers`,
    timeoutMs: 60_000,
    everyMs: 200,
    probe: async () => {
      const { status } = await cluster.kube.podHttp(pod, { method: "GET", path: "/" });
      return status === 204 ? { done: true, value: undefined } : { done: false, saw: `status ${status}` };
    },
  });
  return async () => {
    const { body } = await cluster.kube.podHttp(pod, {
      method: "PUT",
      path: "/ask",
      body: { rounds: 1, timeoutMs: 10_000 },
    });
    return (JSON.parse(body) as Round[])[0] as Round;
  };
}

describe("the claimed address", () => {
  it("is every node's own, also after what a restart does", async () => {
    expect(await missingImds(cluster)).toBeNull();
    const node = nodes.find(({ role }) => role === "worker") as NodeHandle;
    await run(node, `ip address del ${METADATA_ADDRESS}/32 dev lo; ip route del blackhole ${METADATA_ADDRESS}/32`);
    expect(await missingImds(cluster)).toBe(`${node.name} lost the address of the metadata service`);
    expect(await run(node, "systemctl is-enabled faultline-imds-claim")).toContain("enabled");
    await run(node, "systemctl restart faultline-imds-claim");
    expect(await isClaimed(node)).toBe(true);
  });

  it("no packet for it leaves a node, neither while the mock answers nor when even the claim is gone", async () => {
    await Promise.all(nodes.map(async (node) => run(node, COUNT)));
    const asked = await askCanaries(cluster, { rounds: 5, timeoutMs: 5_000 });
    expect(asked.flatMap(({ rounds }) => rounds.map(({ credentials }) => credentials?.status))).toEqual(
      asked.flatMap(({ rounds }) => rounds.map(() => 200)),
    );
    expect(await Promise.all(nodes.map(packetsOut))).toEqual(nodes.map(() => 0));

    await Promise.all(nodes.map(async (node) => run(node, `ip address del ${METADATA_ADDRESS}/32 dev lo`)));
    const lost = await askCanaries(cluster, { rounds: 5, timeoutMs: 1_000 });
    expect(new Set(lost.flatMap(({ rounds }) => rounds.map(({ token }) => token.status)))).toEqual(new Set([0]));
    expect(await Promise.all(nodes.map(packetsOut))).toEqual(nodes.map(() => 0));
    await Promise.all(nodes.map(async (node) => run(node, "systemctl restart faultline-imds-claim")));
  });
});

describe("an arm's settings", () => {
  it("are in force everywhere when setting them returns, and replace what was handed out", async () => {
    await setImds(cluster, "test-aged", { lifetime: "60m", remaining: "14m", refreshBefore: "5m" });
    for (const { rounds } of await askCanaries(cluster, { rounds: 2, timeoutMs: 5_000 })) {
      for (const { remainingMs } of rounds) {
        expect(remainingMs).toBeLessThanOrEqual(14 * MINUTE);
        expect(remainingMs).toBeGreaterThan(13 * MINUTE);
      }
    }
    await setImds(cluster, "test-long", { lifetime: "60m" });
    for (const { rounds } of await askCanaries(cluster, { rounds: 1, timeoutMs: 5_000 })) {
      expect(rounds[0]?.remainingMs).toBeGreaterThan(59 * MINUTE);
    }
  });

  it("a hop limit of 1 keeps tokens from pods", async () => {
    await setImds(cluster, "test-hops", { hopLimit: 1 });
    for (const { rounds } of await askCanaries(cluster, { rounds: 1, timeoutMs: 1_000 })) {
      expect(rounds[0]).toMatchObject({ token: { error: "timeout" }, role: { status: 200 } });
    }
  });
});

describe("whose call it is", () => {
  it("each pod gets its own role by its address, one without any gets 404 after the back-off; calls are counted", async () => {
    await setImds(cluster, "test-roles", { roles: "pod" });
    const [build, deploy, nobody] = await Promise.all([
      podThatAsks(`imds-build-${RUN}`, `build-${RUN}`),
      podThatAsks(`imds-deploy-${RUN}`, `deploy-${RUN}`),
      podThatAsks(`imds-nobody-${RUN}`, null),
    ]);
    expect(await Promise.all([build(), deploy()])).toMatchObject([
      { roleName: `build-${RUN}`, credentials: { status: 200 } },
      { roleName: `deploy-${RUN}`, credentials: { status: 200 } },
    ]);
    expect(await nobody()).toMatchObject({ role: { status: 404 }, credentials: null });
    const mocks = await readMocks(cluster);
    const callsOf = (pod: string) =>
      mocks.map(({ counts }) => counts.byCaller[`${NAMESPACE}/${pod}`]).filter((one) => one !== undefined);
    expect(callsOf(`imds-build-${RUN}`)).toEqual([{ token: 1, role: 1, credentials: 1 }]);
    expect(callsOf(`imds-nobody-${RUN}`)).toEqual([{ token: 1, role: 1 }]);
    expect(mocks.flatMap(({ counts }) => counts.byRole[`deploy-${RUN}`] ?? [])).toEqual([1]);
  });
});
