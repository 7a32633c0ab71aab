/** Both probes of credentials against mocks, canaries and clients that are functions. */
import { expect, test } from "vitest";
import type { Observation } from "../types.ts";
import { credentialSweep, difference } from "./credential-sweep.ts";
import { imdsCalls, metBy } from "./imds-calls.ts";
import type { ProbeContext } from "./probe.ts";

const pod = (name: string, labels = {}) => ({ metadata: { name, labels }, spec: { nodeName: "n1" } });
const asked = (status: number, ms: number) => ({ status, ms, error: "" });

/** A cluster of one node, on which pod `one` asks twice a request, and pod `two` never. */
function cluster() {
  const calls = { role: 0, credentials: 0 };
  const paths: string[] = [];
  const observed: Observation[] = [];
  const status = () => ({ node: "n1", counts: { byCaller: { "shop/one": { ...calls }, "else/one": { role: 99 } } } });
  const round = { token: asked(200, 41), role: asked(200, 40), credentials: asked(200, 42), remainingMs: 899_000 };
  const kube = {
    list: async (_: object, { labelSelector }: { labelSelector: string }) => {
      if (labelSelector === "app=none") return [];
      if (labelSelector.startsWith("app=")) return [pod("one", { sdk: "old" }), pod("two")];
      return [pod(labelSelector.endsWith("canary") ? "canary" : "mock")];
    },
    podHttp: async ({ name }: { name: string }, { method, path }: { method: string; path: string }) => {
      paths.push(`${name} ${method} ${path}`);
      const answer = () => {
        if (name === "canary") return [round];
        if (name === "mock") return status();
        if (path === "/figures") return { requests: 3, ms: { dns: 1 } };
        if (name === "one") calls.role += Number(path.split("/")[2] ?? 1);
        return { failed: 0, ms: 5 };
      };
      return { status: 200, body: JSON.stringify(answer()) };
    },
  };
  const context = {
    cluster: { kube },
    namespace: "shop",
    clock: { now: () => 7, fromMonotonicNs: () => 7, fromWallMs: () => 7 },
    observe: (one: Observation) => observed.push(one),
    log: () => undefined,
  } as unknown as ProbeContext;
  return { context, observed, paths, calls };
}

test("calls are counted for the selected pods of the arm alone, at the begin and at the end", async () => {
  const { context, observed, calls } = cluster();
  const probe = await imdsCalls.start("imds", { kind: "imds-calls", selector: "app=x", figuresPort: 8080 }, context);
  calls.role = 8;
  await probe.stop();
  const looks = observed.flatMap((one) => (one.type === "imds-calls" ? [one.calls] : []));
  expect(looks[0]).toEqual({ one: { role: 0, credentials: 0 }, two: {} });
  expect(looks.at(-1)).toEqual({ one: { role: 8, credentials: 0 }, two: {} });
  expect(observed.filter(({ type }) => type === "imds-asked")).toHaveLength(2);
  expect(observed.find(({ type }) => type === "time-spent")).toMatchObject({
    spent: { one: { requests: 3, ms: { dns: 1 } }, two: { requests: 3, ms: { dns: 1 } } },
  });
});

test("a canary that gets no answer says so", () => {
  const none = { token: asked(0, 9_999), role: asked(0, 9_999), credentials: null };
  const names = { roleName: null, accessKeyId: null };
  expect(metBy([{ ...none, ...names, remainingMs: null }])).toEqual({ callsMs: [], leftMs: null });
  const got = { token: asked(200, 3), role: asked(200, 1), credentials: asked(404, 2) };
  expect(
    metBy([
      { ...got, ...names, remainingMs: 5 },
      { ...got, ...names, remainingMs: 4 },
    ]),
  ).toMatchObject({ leftMs: 4 });
});

test("a sweep hands out each age, counts each client for itself, and lets go", async () => {
  const { context, observed, paths } = cluster();
  const spec = { kind: "credential-sweep", selector: "app=x", port: 1, requests: 32, concurrency: [1, 32] } as const;
  await (await credentialSweep.start("sweep", { ...spec, remaining: ["1h", "899s"] }, context)).stop();
  const cells = observed.flatMap((one) => (one.type === "swept" ? [one] : []));
  expect(cells.map(({ client, remainingMs, concurrency, calls }) => [client, remainingMs, concurrency, calls])).toEqual(
    [
      ["old", 3_600_000, 1, { role: 32 }],
      ["two", 3_600_000, 1, {}],
      ["old", 3_600_000, 32, { role: 32 }],
      ["two", 3_600_000, 32, {}],
      ["old", 899_000, 1, { role: 32 }],
      ["two", 899_000, 1, {}],
      ["old", 899_000, 32, { role: 32 }],
      ["two", 899_000, 32, {}],
    ],
  );
  expect(paths.filter((path) => path === "one POST /prime")).toHaveLength(2);
  expect(paths.at(-1)).toBe("mock DELETE /held/sweep-shop");
});

test("without clients nothing is swept and nothing is touched", async () => {
  const { context, paths } = cluster();
  const spec = { kind: "credential-sweep", selector: "app=none", port: 1, requests: 32, concurrency: [1] } as const;
  await (await credentialSweep.start("sweep", { ...spec, remaining: ["1h"] }, context)).stop();
  expect(paths).toEqual([]);
});

test("what came since is a difference by kind of call", () => {
  expect(difference({ role: 2, token: 1 }, { role: 5, token: 1, credentials: 3 })).toEqual({ role: 3, credentials: 3 });
});
