import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { type FakeApiServer, fakeApiServer, json, refusal } from "../../testing/fake-api-server.ts";
import type { WatchHandle } from "../kube.ts";
import { waitFor } from "../wait.ts";

const PODS = { apiVersion: "v1", kind: "Pod", namespace: "shop" };
const QUICK = { silenceMs: 60_000, steadyMs: 1_000, backoffFirstMs: 1, backoffMaxMs: 5 };

const pod = (name: string, version: number, uid = name) => ({
  metadata: { name, uid, resourceVersion: String(version) },
});
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

let server: FakeApiServer | undefined;
let handle: WatchHandle | undefined;
afterEach(async () => {
  await handle?.stop();
  await server?.close();
  server = handle = undefined;
});

/** Serves `lists` and `streams` in turn; a stream without a script stays open and silent. */
async function scripted(
  lists: readonly { readonly version: number; readonly items: readonly object[] }[],
  streams: readonly ((response: ServerResponse) => void)[],
  timing: Partial<typeof QUICK> = {},
) {
  let listed = 0;
  let streamed = 0;
  server = await fakeApiServer(
    (request, response) => {
      if (request.query.get("watch") !== "true") {
        const list = lists[Math.min(listed++, lists.length - 1)];
        return json(response, 200, { metadata: { resourceVersion: String(list?.version) }, items: list?.items });
      }
      const script = streams[streamed++];
      if (script === undefined) return void response.writeHead(200).flushHeaders();
      script(response);
    },
    { ...QUICK, ...timing },
  );
  const events: string[] = [];
  const gaps: string[] = [];
  handle = await server.kube.watch(PODS, {
    onEvent: ({ type, object }) => events.push(`${type} ${object.metadata.name}@${object.metadata.resourceVersion}`),
    onGap: (gap) => {
      expect(gap.toNs).toBeGreaterThanOrEqual(gap.fromNs);
      gaps.push(gap.why);
    },
  });
  const watches = () => (server as FakeApiServer).asked.filter((line) => line.includes("watch=true"));
  return { events, gaps, watches };
}

const seen = (list: readonly string[], wanted: string) =>
  waitFor({
    what: wanted,
    probe: async () => (list.includes(wanted) ? { done: true, value: null } : { done: false, saw: list.join(", ") }),
    timeoutMs: 5_000,
    everyMs: 2,
  });
const asking = (watches: () => readonly string[], count: number) =>
  waitFor({
    what: `${count} watches`,
    probe: async () =>
      watches().length >= count ? { done: true, value: null } : { done: false, saw: watches().join("\n") },
    timeoutMs: 5_000,
    everyMs: 2,
  });

describe("watch", () => {
  test("goes on from the last version after a broken connection, and drops the torn line", async () => {
    const run = await scripted(
      [{ version: 10, items: [pod("a", 3)] }],
      [
        (response) => {
          response.writeHead(200);
          response.write(event("MODIFIED", pod("a", 11)) + event("BOOKMARK", pod("", 15)));
          response.write(event("DELETED", pod("a", 16)).slice(0, 20), () => response.destroy());
        },
        (response) => response.writeHead(200).write(event("DELETED", pod("a", 16))),
      ],
    );
    await seen(run.events, "DELETED a@16");
    expect(run.events).toEqual(["ADDED a@3", "MODIFIED a@11", "DELETED a@16"]);
    expect(run.gaps).toHaveLength(1);
    expect(run.watches().map((line) => /resourceVersion=(\d+)/.exec(line)?.[1])).toEqual(["10", "15"]);
    expect(run.watches().every((line) => line.includes("allowWatchBookmarks=true"))).toBe(true);
  });

  test("a server that ends the watch in good order is asked again, and the gap is told", async () => {
    const run = await scripted(
      [{ version: 10, items: [] }],
      [
        (response) => response.writeHead(200).end(),
        (response) => response.writeHead(200).write(event("ADDED", pod("b", 12))),
      ],
    );
    await seen(run.events, "ADDED b@12");
    expect(run.gaps).toEqual(["the connection ended"]);
  });

  test.each([
    [
      "as an event",
      (response: ServerResponse) => response.writeHead(200).end(event("ERROR", { code: 410, message: "too old" })),
    ],
    ["as an answer", (response: ServerResponse) => refusal(response, 410, "Expired", "too old")],
  ])("410 %s: lists anew and tells what changed meanwhile", async (_name, expire) => {
    const run = await scripted(
      [
        { version: 10, items: [pod("gone", 1), pod("same", 2), pod("changed", 3), pod("replaced", 4, "first")] },
        { version: 50, items: [pod("same", 2), pod("changed", 40), pod("new", 41), pod("replaced", 42, "second")] },
      ],
      [expire],
    );
    await asking(run.watches, 2);
    expect(run.events.slice(4)).toEqual([
      "DELETED gone@1",
      "DELETED replaced@4",
      "MODIFIED changed@40",
      "ADDED new@41",
      "ADDED replaced@42",
    ]);
    expect(run.watches()[1]).toContain("resourceVersion=50");
  });

  test("a connection that says nothing for too long is given up", async () => {
    const run = await scripted(
      [{ version: 10, items: [] }],
      [
        (response) => response.writeHead(200).flushHeaders(),
        (response) => response.writeHead(200).write(event("ADDED", pod("late", 12))),
      ],
      { silenceMs: 40 },
    );
    await seen(run.events, "ADDED late@12");
    expect(run.gaps[0]).toBe("silent for 40 ms");
  });

  test("a line that is no JSON is not swallowed: the stream is taken up again before it", async () => {
    const run = await scripted(
      [{ version: 10, items: [] }],
      [
        (response) => response.writeHead(200).end("{not json}\n"),
        (response) => response.writeHead(200).write(event("ADDED", pod("c", 12))),
      ],
    );
    await seen(run.events, "ADDED c@12");
    expect(run.watches()[1]).toContain("resourceVersion=10");
    expect(run.gaps[0]).toMatch(/JSON/);
  });

  test("refused at first: the caller is told, in the server's words", async () => {
    server = await fakeApiServer((request, response) =>
      request.query.has("watch")
        ? refusal(response, 403, "Forbidden", "may not watch pods")
        : json(response, 200, { metadata: { resourceVersion: "1" }, items: [] }),
    );
    await expect(server.kube.watch(PODS, { onEvent: () => {}, onGap: () => {} })).rejects.toThrow("may not watch pods");
  });

  test("a hundred reconnects leave no connection behind", async () => {
    const run = await scripted(
      [{ version: 10, items: [] }],
      Array.from({ length: 100 }, () => (response: ServerResponse) => response.writeHead(200).end()),
    );
    await asking(run.watches, 101);
    await handle?.stop();
    const open = await (server as FakeApiServer).openConnections();
    expect(open).toBeLessThanOrEqual(2); // the kept-alive ones of the list and of discovery
  });
});
