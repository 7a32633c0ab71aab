/** What the faults on pods decide without a cluster. */
import { describe, expect, it } from "vitest";
import { fakeCluster } from "../../testing/fake-cluster.ts";
import { faultContext } from "../../testing/fault-context.ts";
import { killPods } from "../pods-kill.ts";
import { idOf, runningContainers } from "./containers.ts";
import { lookIfWell, reportOf } from "./kubelet-says.ts";
import { bytesOf, type ContainerTarget } from "./on-nodes.ts";
import { lookAtOwner, type Owner, ownersOf } from "./owners.ts";
import { pauseImage } from "./pause-image.ts";

const fake = fakeCluster();
const context = faultContext(fake.handle, { namespace: "shop" });

describe("pods.kill", () => {
  const problems = (change: object) =>
    killPods.validate({ kind: "pods.kill", targets: { selector: "app=x" }, ...change }).map(({ path }) => path);
  it.each([undefined, "none", "pod", "1s", "2000ms", "10m"])("takes a grace of %s", (grace) =>
    expect(problems({ grace })).toEqual([]),
  );
  it.each(["0s", "1.5s", "11m", "-1s", "soon", 5])("refuses a grace of %s", (grace) =>
    expect(problems({ grace })).toEqual(["grace"]),
  );
  it("tells all mistakes at once", () =>
    expect(problems({ grace: "0s", targets: { selector: "", count: "101%", atMost: 0 } })).toEqual([
      "targets.selector",
      "targets.count",
      "targets.atMost",
      "grace",
    ]));
});

const pod = (name: string, owner: string | null, change: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    namespace: "shop",
    uid: `uid-${name}`,
    ownerReferences:
      owner === null ? [] : [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true }],
    ...change,
  },
  status: { conditions: [{ type: "Ready", status: "True" }] },
});

describe("owners", () => {
  const owner: Owner = { apiVersion: "apps/v1", kind: "ReplicaSet", namespace: "shop", name: "rs", uid: "rs", had: 2 };
  const replicas = (count: number) =>
    fake.put({ ...owner, metadata: { name: "rs", namespace: "shop", uid: "rs" }, spec: { replicas: count } });

  it("are found once each, with what they had; a pod without one is refused", async () => {
    const pods = [pod("a", "rs"), pod("b", "rs"), pod("c", "rs", { deletionTimestamp: "now" })];
    for (const one of pods) fake.put(one);
    expect(await ownersOf(context, pods)).toEqual([owner]);
    await expect(ownersOf(context, [pod("alone", null)])).rejects.toThrow(/no controller owns shop\/alone/);
  });
  it("want what their kind says, and nobody that still ends", async () => {
    replicas(2);
    expect(await lookAtOwner(context, owner)).toMatchObject({ inEffect: true, saw: "2 of 2 pods ready, 1 ending" });
    fake.put(pod("c", "rs"));
    expect(await lookAtOwner(context, owner)).toMatchObject({ inEffect: false });
    replicas(4);
    expect(await lookAtOwner(context, owner)).toMatchObject({ inEffect: true, values: { ready: 3, wanted: 4 } });
  });
  it("that are gone, or have the name of one that is, want nothing", async () => {
    expect(await lookAtOwner(context, { ...owner, name: "other" })).toMatchObject({ inEffect: false, saw: "is gone" });
    expect(await lookAtOwner(context, { ...owner, uid: "older" })).toMatchObject({ inEffect: false, saw: "is gone" });
  });
});

describe("quantities", () => {
  it.each([
    ["64Mi", 2 ** 26],
    ["1.5G", 1.5e9],
    ["1048576", 2 ** 20],
    ["0", 0],
    ["much", 0],
  ])("%s is %d bytes", (text, bytes) => expect(bytesOf(text)).toBe(bytes));
});

describe("what the kubelet says of a container", () => {
  const target: ContainerTarget = {
    namespace: "shop",
    name: "web",
    uid: "u",
    node: "w",
    ip: "",
    container: "c",
    containerId: "aa",
    memoryLimit: 2 ** 20,
  };
  const say = (status: object, uid = "u") =>
    fake.put({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "shop", name: "web", uid },
      status: { containerStatuses: [{ name: "c", restartCount: 3, ...status }] },
    });
  const killed = { terminated: { containerID: "containerd://aa", exitCode: 137, reason: "OOMKilled" } };

  it("is its last end, whether or not it runs again", async () => {
    say({ state: { running: {} }, lastState: killed });
    expect(await reportOf(target, context)).toMatchObject({ restarts: 3, ended: { containerID: "aa", exitCode: 137 } });
    say({ state: killed });
    expect(await reportOf(target, context)).toMatchObject({ waiting: "", ended: { reason: "OOMKilled" } });
  });
  it("is nothing when another pod has the name", async () => {
    say({ state: { running: {} } }, "other");
    expect(await reportOf(target, context)).toBeNull();
    expect(await lookIfWell(target, context)).toMatchObject({ inEffect: false, saw: "is gone" });
  });
  it("is well only when the pod is ready", async () => {
    say({ state: { waiting: { reason: "CrashLoopBackOff" } } });
    expect(await lookIfWell(target, context)).toMatchObject({
      inEffect: true,
      saw: "not ready after 3 restarts, CrashLoopBackOff",
    });
  });
});

describe("containers", () => {
  it("have the runtime's ids", () => {
    const running = { containerID: "containerd://aa", state: { running: {} } };
    const ended = { containerID: "containerd://bb", state: { terminated: {} } };
    expect(runningContainers({ status: { containerStatuses: [running, ended, { state: {} }] } })).toEqual(["aa"]);
    expect(idOf("cri-o://cc")).toBe("cc");
  });
  it("can be of the image that pauses, by tag and not by digest", async () => {
    const names = ["registry.k8s.io/pause@sha256:1", "registry.k8s.io/pause:3.10"];
    await expect(pauseImage(fake.handle.kube)).rejects.toThrow(/no node has a pause image/);
    fake.put({ apiVersion: "v1", kind: "Node", metadata: { name: "n" }, status: { images: [{ names }] } });
    expect(await pauseImage(fake.handle.kube)).toBe("registry.k8s.io/pause:3.10");
  });
});
