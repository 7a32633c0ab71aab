/** The parts that know nothing of HTTP. */
import { createServer } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { takePod } from "./cluster-view.ts";
import { Counter } from "./counts.ts";
import { CredentialCache } from "./credentials.ts";
import { doorOf } from "./door.ts";
import { InForce } from "./in-force.ts";
import { lookUp, PodDirectory } from "./roles.ts";
import { changeOf, concerns, DEFAULTS, settingsOf } from "./settings.ts";

const MINUTE = 60_000;

describe("credentials as KIAM keeps them", () => {
  function cache(settings: object) {
    const inForce = new InForce();
    inForce.setSettings({ ...DEFAULTS, ...settings }, "1");
    const credentials = new CredentialCache(inForce);
    return { inForce, leftAt: (nowMs: number) => credentials.get("r", nowMs).expiresMs - nowMs, credentials };
  }

  it("15 min, refreshed at 5: what is left goes from 15 to 5 and starts again, with another key", () => {
    const { leftAt, credentials } = cache({ lifetimeMs: 15 * MINUTE, refreshBeforeMs: 5 * MINUTE });
    expect([0, 5, 10, 11, 21].map((minute) => leftAt(minute * MINUTE) / MINUTE)).toEqual([15, 10, 5, 15, 5]);
    const key = (minute: number) => credentials.get("r", minute * MINUTE).accessKeyId;
    expect(key(21)).not.toBe(key(22));
    expect(credentials.get("r", 22 * MINUTE).accessKeyId).not.toBe(credentials.get("s", 22 * MINUTE).accessKeyId);
  });

  it("aged: the first ones of each role have less left, the next their whole lifetime", () => {
    const { leftAt, credentials } = cache({ lifetimeMs: 60 * MINUTE, remainingMs: 14 * MINUTE });
    expect(leftAt(0)).toBe(14 * MINUTE);
    expect(credentials.get("r", 0).issuedMs).toBe(-46 * MINUTE);
    expect(leftAt(10 * MINUTE)).toBe(60 * MINUTE);
    expect(credentials.get("other", 11 * MINUTE).expiresMs).toBe(25 * MINUTE);
  });

  it("a change replaces what was handed out, and so does its end", () => {
    const { inForce, leftAt, credentials } = cache({ lifetimeMs: 60 * MINUTE });
    const before = credentials.get("r", 0).accessKeyId;
    inForce.hold("a", { credentials: { expiredMs: MINUTE } }, MINUTE);
    expect(leftAt(0)).toBe(-MINUTE);
    expect(leftAt(MINUTE)).toBe(-2 * MINUTE);
    inForce.hold("a", { credentials: { expiredMs: MINUTE } }, MINUTE);
    expect(leftAt(MINUTE)).toBe(-2 * MINUTE);
    inForce.release("a");
    expect(leftAt(MINUTE)).toBe(60 * MINUTE);
    expect(credentials.get("r", MINUTE).accessKeyId).not.toBe(before);
  });
});

describe("what is in force", () => {
  afterEach(() => vi.useRealTimers());

  it("each change for as long as its own lease, and listeners hear of each end", () => {
    vi.useFakeTimers();
    const inForce = new InForce();
    const heard: string[] = [];
    inForce.onChange(() => heard.push(Object.keys(inForce.change).join("+")));
    inForce.hold("a", { latency: { ms: 5, calls: "all" } }, 100);
    inForce.hold("b", { errors: { share: 1, status: 500, calls: "all" } }, 300);
    vi.advanceTimersByTime(90);
    inForce.hold("a", { latency: { ms: 5, calls: "all" } }, 100);
    vi.advanceTimersByTime(90);
    expect(inForce.held.map(({ id }) => id)).toEqual(["a", "b"]);
    vi.advanceTimersByTime(1_000);
    expect(heard).toEqual(["latency", "latency+errors", "errors", ""]);
    inForce.release("a");
    expect(heard).toHaveLength(4);
  });

  it("settings count from a new version on", () => {
    const inForce = new InForce();
    inForce.setSettings(settingsOf({ latencyMs: 7 }), "1");
    inForce.setSettings(settingsOf({ latencyMs: 8 }), "1");
    expect([inForce.settings.latencyMs, inForce.version]).toEqual([7, "1"]);
  });

  it("what no mock could do is refused", () => {
    expect(() => settingsOf({ lifetimeMs: -1 })).toThrow(/lifetimeMs/);
    expect(() => changeOf({ change: null, leaseMs: 1 })).toThrow(/a change/);
    expect(settingsOf({ roles: "pod" })).toEqual({ ...DEFAULTS, roles: "pod" });
  });

  it("calls of credentials are the role's name too", () => {
    expect(["token", "role", "credentials", "other"].map((call) => concerns("credentials", call as "role"))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("whose address it is", () => {
  const pod = (uid: string, ip: string | undefined, more: object = {}) => ({
    metadata: {
      uid,
      namespace: "shop",
      name: uid,
      creationTimestamp: `2026-01-01T00:00:0${uid.length}Z`,
      annotations: { "iam.amazonaws.com/role": uid },
    },
    spec: {},
    status: { phase: "Running", ...(ip === undefined ? {} : { podIP: ip }) },
    ...more,
  });

  it("that of the pod that holds it; one that has ended or is on the node's network holds none", () => {
    const pods = new PodDirectory();
    takePod(pods, pod("a", undefined));
    expect(pods.size).toBe(0);
    takePod(pods, pod("a", "10.1.1.1"));
    expect(pods.at("10.1.1.1")).toMatchObject({ name: "a", role: "a" });
    takePod(pods, pod("a", "10.1.1.1", { status: { phase: "Succeeded", podIP: "10.1.1.1" } }));
    takePod(pods, pod("host", "10.1.1.2", { spec: { hostNetwork: true } }));
    expect([pods.at("10.1.1.1"), pods.at("10.1.1.2"), pods.size]).toEqual([null, null, 0]);
  });

  it("of two that claim it the younger's, until that one is gone", () => {
    const pods = new PodDirectory();
    takePod(pods, pod("younger", "10.1.1.1"));
    takePod(pods, pod("old", "10.1.1.1"));
    expect(pods.at("10.1.1.1")?.name).toBe("younger");
    pods.remove("younger");
    expect(pods.at("10.1.1.1")?.name).toBe("old");
    takePod(pods, pod("old", "10.1.1.9"));
    expect([pods.at("10.1.1.1"), pods.at("10.1.1.9")?.name]).toEqual([null, "old"]);
  });

  it("is looked for as kube2iam does: until a try after more than the longest time", async () => {
    const settings = { lookupMaxIntervalMs: 40, lookupMaxElapsedMs: 100 };
    const found = await lookUp(new PodDirectory(), "10.1.1.1", settings, () => 0.5);
    expect(found).toMatchObject({ pod: null, tries: 4 });
    expect(found.waitedMs).toBeGreaterThan(100);
  });
});

describe("the door", () => {
  it("refuses while it is closed and opens at the same address again", async () => {
    const server = createServer((_, out) => out.end("open"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    server.close();
    const door = doorOf(server, { host: "127.0.0.1", port }, () => server.closeAllConnections());
    const look = () =>
      fetch(`http://127.0.0.1:${port}`).then(
        (answer) => answer.text(),
        () => "refused",
      );
    expect(await look()).toBe("refused");
    door.open();
    door.open();
    await expect.poll(look).toBe("open");
    door.close();
    expect(await look()).toBe("refused");
    door.open();
    await expect.poll(look).toBe("open");
    door.close();
  });
});

describe("counts", () => {
  it("by path, caller, role and status, bounded", () => {
    const counter = new Counter();
    for (let i = 0; i < 20_010; i++) counter.arrived(`10.0.${i >> 8}.${i & 255}`, "role", "GET /latest/x");
    counter.answered(404);
    counter.handedOut("build");
    const { calls, byCaller, byPath, byRole, byStatus } = counter.read();
    expect(calls).toBe(20_010);
    expect(byCaller.others).toEqual({ role: 10 });
    expect([byPath, byRole, byStatus]).toEqual([{ "GET /latest/x": 20_010 }, { build: 1 }, { 404: 1 }]);
  });
});
