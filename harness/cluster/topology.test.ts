import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { HostTraits } from "./host-traits.ts";
import { hasCapability } from "./host-traits.ts";
import { type ClusterChoices, checkedTopology, type KindConfig, kindConfigOf, readTopology } from "./topology.ts";

const GIB = 1024 ** 3;
const MODERN: HostTraits = { cgroupVersion: 2, mayLowerOomScore: true, cpus: 8, memoryBytes: 16 * GIB };
const OLD: HostTraits = { ...MODERN, cgroupVersion: 1, mayLowerOomScore: false };
const CHOICES: ClusterChoices = {
  name: "faultline-a",
  nodeImage: "node:1",
  ingressPort: 20_001,
  apiServerPort: 20_002,
  host: MODERN,
  imageFromPackages: false,
  quickBoot: false,
};

const merged = async (choices: Partial<ClusterChoices> = {}, topology = "two-workers") =>
  parse(kindConfigOf(await readTopology(topology), { ...CHOICES, ...choices })) as KindConfig;
const kubeadm = (config: KindConfig) => (config.kubeadmConfigPatches ?? []).map((patch) => parse(patch));

describe("topologies of kind-config", () => {
  const files = readdirSync(new URL("../../kind-config/", import.meta.url)).filter((file) => file.endsWith(".yaml"));
  test.each(files)("%s is a kind config with a comment that says what it is for", async (file) => {
    const config = await readTopology(file.replace(".yaml", ""));
    expect(config.nodes.filter(({ role }) => role === "control-plane")).toHaveLength(1);
  });

  test("two and three workers are there", async () => {
    expect((await readTopology("two-workers")).nodes).toHaveLength(3);
    expect((await readTopology("three-workers")).nodes).toHaveLength(4);
  });

  test("a name that is none says what would be right", async () => {
    await expect(readTopology("six-workers")).rejects.toMatchObject({
      code: "usage",
      fix: expect.stringContaining("two-workers"),
    });
  });
});

test("what a topology mounts lies beside its file", async () => {
  const [controlPlane] = (await readTopology("three-workers-packing")).nodes;
  const [mount] = controlPlane?.extraMounts ?? [];
  expect(mount).toEqual({
    hostPath: fileURLToPath(new URL("../../kind-config/packing", import.meta.url)),
    containerPath: "/etc/kubernetes/packing",
    readOnly: true,
  });
});

describe("a user's own kind config", () => {
  const withNodes = (nodes: string) => `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${nodes}`;
  test("without nodes it has one, as in kind", () => {
    expect(checkedTopology("x.yaml", withNodes("")).nodes).toEqual([{ role: "control-plane" }]);
  });

  test.each([
    ["kind: Deployment", /no kind config/],
    ["a: [", /no YAML/],
    ["", /no kind config/],
    [withNodes("nodes: [{role: control-plane}, {role: control-plane}]"), /2 control planes/],
    [withNodes("nodes: [{role: worker}]"), /0 control planes/],
  ])("%j is refused", (text, why) => {
    expect(() => checkedTopology("x.yaml", text)).toThrow(why);
  });

  test("what it sets stays: its patches come first, its ports beside ours, its networking wins", () => {
    const own = checkedTopology(
      "x.yaml",
      withNodes(
        `nodes: [{role: control-plane, extraPortMappings: [{containerPort: 1}]}]\nnetworking: {apiServerPort: 7}\nkubeadmConfigPatches: ["kind: KubeletConfiguration\\nmaxPods: 5"]`,
      ),
    );
    const config = parse(kindConfigOf(own, { ...CHOICES, host: OLD }));
    expect(kubeadm(config)[0]).toEqual({ kind: "KubeletConfiguration", maxPods: 5 });
    expect(config.nodes[0].extraPortMappings).toHaveLength(2);
    expect(config.networking.apiServerPort).toBe(7);
  });
});

describe("the config of one cluster", () => {
  test("name, node images and the ingress port on 127.0.0.1 are filled in", async () => {
    const config = await merged();
    expect(config.name).toBe("faultline-a");
    expect(config.nodes.map((node) => node.image)).toEqual(["node:1", "node:1", "node:1"]);
    expect(config.nodes[0]?.extraPortMappings).toEqual([
      { containerPort: 30_080, hostPort: 20_001, listenAddress: "127.0.0.1", protocol: "TCP" },
    ]);
    expect(config.networking).toEqual({ apiServerPort: 20_002 });
  });

  test("a modern machine gets no patch but the topology's own", async () => {
    const config = await merged();
    expect(kubeadm(config)).toEqual([{ kind: "KubeletConfiguration", containerLogMaxSize: "200Mi" }]);
    expect(config.containerdConfigPatches).toEqual([]);
  });

  test("cgroup v1 alone, a missing capability alone, and both", async () => {
    expect(kubeadm(await merged({ host: { ...MODERN, cgroupVersion: 1 } })).slice(1)).toEqual([
      { kind: "KubeletConfiguration", failCgroupV1: false },
      { kind: "InitConfiguration", nodeRegistration: { ignorePreflightErrors: ["SystemVerification"] } },
      { kind: "JoinConfiguration", nodeRegistration: { ignorePreflightErrors: ["SystemVerification"] } },
    ]);
    const without = await merged({ host: { ...MODERN, mayLowerOomScore: false } });
    expect(kubeadm(without).slice(1)).toEqual([
      { kind: "KubeletConfiguration", featureGates: { KubeletInUserNamespace: true } },
    ]);
    expect(without.containerdConfigPatches?.[0]).toContain("restrict_oom_score_adj = true");
    const both = await merged({ host: OLD, imageFromPackages: true });
    expect(kubeadm(both)[1]).toEqual({
      kind: "KubeletConfiguration",
      failCgroupV1: false,
      featureGates: { KubeletInUserNamespace: true },
    });
    expect(both.containerdConfigPatches).toEqual([]);
  });

  test("a quick boot adds one argument and no list of the topology's own is replaced", async () => {
    expect((await merged()).kubeadmConfigPatchesJSON6902).toEqual([]);
    const patches = (await merged({ quickBoot: true })).kubeadmConfigPatchesJSON6902 ?? [];
    expect(
      patches.map(({ kind, version, patch }) => [kind, version, parse(patch)[0].op, parse(patch)[0].path]),
    ).toEqual([
      ["ClusterConfiguration", "v1beta4", "add", "/controllerManager/extraArgs/-"],
      ["ClusterConfiguration", "v1beta3", "add", "/controllerManager/extraArgs/leader-elect-retry-period"],
    ]);
  });

  test("a cap is what is left after the reservation, on workers alone, in both forms of kubeadm's config", async () => {
    const config = await merged({ nodeLimits: { cpus: 1.5, memoryMiB: 2048 } });
    expect(config.nodes[0]?.kubeadmConfigPatchesJSON6902).toBeUndefined();
    const patches = config.nodes[1]?.kubeadmConfigPatchesJSON6902 ?? [];
    const reserved = `cpu=6500m,memory=${14 * GIB}`;
    expect(patches.map(({ version, patch }) => [version, parse(patch)[0]])).toEqual([
      [
        "v1beta4",
        {
          op: "add",
          path: "/nodeRegistration/kubeletExtraArgs/-",
          value: { name: "system-reserved", value: reserved },
        },
      ],
      ["v1beta3", { op: "add", path: "/nodeRegistration/kubeletExtraArgs/system-reserved", value: reserved }],
    ]);
  });

  test.each([
    [{ cpus: 9 }, /cpus: 9 is not between/],
    [{ cpus: 0.1 }, /cpus: 0.1/],
    [{ memoryMiB: 64 }, /memoryMiB: 64/],
  ])("a cap of %j is refused", async (nodeLimits, why) => {
    await expect(merged({ nodeLimits })).rejects.toThrow(why);
  });
});

test("a capability is read from the bounding set", () => {
  expect(hasCapability("CapBnd:\t000001ffffffffff\n", 24n)).toBe(true);
  expect(hasCapability("CapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n", 24n)).toBe(false);
  expect(hasCapability("", 24n)).toBe(true);
});
