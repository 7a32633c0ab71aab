import { afterEach, describe, expect, test } from "vitest";
import { type FakeApiServer, fakeApiServer, type Handler, json, refusal } from "../../testing/fake-api-server.ts";
import { createSeenLines, splitTimestamp } from "./follow-log.ts";

let server: FakeApiServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const POD = { namespace: "shop", name: "checkout-1", container: "app" };
const at = (second: number, nanos: number, text: string) =>
  `2026-01-02T03:04:0${second}.${String(nanos).padStart(9, "0")}Z ${text}\n`;
const ended = { status: { containerStatuses: [{ name: "app", state: { terminated: { containerID: "c1" } } }] } };

describe("followLog", () => {
  test("waits for the container, survives breaks without repeating or losing lines, ends with the pod", async () => {
    const first = [at(1, 5, "one"), at(2, 1, "two"), at(2, 7, "same"), at(2, 7, "same")];
    const afterwards = [at(2, 7, "same"), at(2, 8, "three"), at(3, 1, "four")];
    const asked: (string | null)[] = [];
    let looks = 0;
    const handle: Handler = (request, response) => {
      if (!request.path.endsWith("/log")) {
        looks++;
        return looks < 3 ? json(response, 200, ended) : refusal(response, 404, "NotFound", "no such pod");
      }
      asked.push(request.query.get("sinceTime"));
      if (asked.length === 1) return refusal(response, 400, "BadRequest", "waiting to start: ContainerCreating");
      response.writeHead(200);
      if (asked.length === 2) return void response.write(`${first.join("")}2026-01-02T03:0`, () => response.destroy());
      const fromSecond2 = [...first.slice(1), ...afterwards];
      if (asked.length === 3) return void response.end(fromSecond2.join(""));
      response.end(at(3, 1, "four") + at(3, 2, "five, written at the very end"));
    };
    server = await fakeApiServer(handle);
    const lines: string[] = [];
    const log = server.kube.followLog(POD, (line) => lines.push(line));
    await log.ended;
    expect(lines).toEqual(["one", "two", "same", "same", "same", "three", "four", "five, written at the very end"]);
    expect(asked).toEqual([null, null, "2026-01-02T03:04:02Z", "2026-01-02T03:04:03Z"]);
  });

  test("a kubelet that has not heard of the pod yet answers 404 too: the pod is asked whether it is gone", async () => {
    const answers = ["404", "200", "404"];
    let gone = false;
    server = await fakeApiServer((request, response) => {
      if (!request.path.endsWith("/log")) {
        return gone ? refusal(response, 404, "NotFound", "no such pod") : json(response, 200, ended);
      }
      const answer = answers.shift();
      gone = answers.length === 0;
      if (answer === "404") return refusal(response, 404, "NotFound", 'pod "checkout-1" not found');
      response.writeHead(200).end(at(1, 1, "hello"));
    });
    const lines: string[] = [];
    await server.kube.followLog(POD, (line) => lines.push(line)).ended;
    expect([lines, answers]).toEqual([["hello"], []]);
  });

  test("stop ends it while the container has not started", async () => {
    server = await fakeApiServer((_request, response) => refusal(response, 400, "BadRequest", "ContainerCreating"));
    const log = server.kube.followLog(POD, () => {});
    await log.stop();
    await log.ended;
  });

  test("stop closes an open stream", async () => {
    server = await fakeApiServer((_request, response) => void response.writeHead(200).write(at(1, 1, "hello")));
    const first = Promise.withResolvers<string>();
    const log = server.kube.followLog(POD, first.resolve);
    expect(await first.promise).toBe("hello");
    await log.stop();
    await log.ended;
  });
});

test("a line without text keeps its place", () => {
  expect(splitTimestamp("2026-01-02T03:04:05Z ")).toEqual({ timestamp: "2026-01-02T03:04:05Z", text: "" });
  expect(splitTimestamp("2026-01-02T03:04:05Z a b")).toEqual({ timestamp: "2026-01-02T03:04:05Z", text: "a b" });
});

test("lines of an older second that arrive late are still new", () => {
  const seen = createSeenLines();
  const pass = seen.beginPass();
  expect([pass("2026-01-02T03:04:06.1Z"), pass("2026-01-02T03:04:05.9Z")]).toEqual([false, false]);
  expect(seen.askFrom()).toBe("2026-01-02T03:04:06Z");
});
