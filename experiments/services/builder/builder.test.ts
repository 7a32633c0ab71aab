import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { credentials } from "./credentials.ts";
import { settingsOf } from "./settings.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Answers the nth request with the nth of these, and with the last from then on. */
async function metadata(...answers: readonly { readonly status: number; readonly body?: string }[]) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const { status, body = "" } = answers[Math.min(paths.length, answers.length - 1)] as (typeof answers)[number];
    paths.push(request.url ?? "");
    if (status > 0) response.writeHead(status).end(body);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = async (env: Record<string, string> = {}) =>
    credentials(settingsOf({ METADATA_URL: url, BACKOFF_MS: "1", ...env }));
  return { paths, ask };
}

const NAMED = { status: 200, body: "of-me\n" };
const KEYS = { status: 200, body: JSON.stringify({ AccessKeyId: "ASIAAAAABBBBCCCCDDDD" }) };

test("asks for the role, then for its keys", async () => {
  const { ask, paths } = await metadata(NAMED, KEYS);
  expect(await ask()).toEqual({ role: "of-me", status: 200, error: "", attempts: 1 });
  expect(paths).toEqual([
    "/latest/meta-data/iam/security-credentials/",
    "/latest/meta-data/iam/security-credentials/of-me",
  ]);
});

test("gives up after as many attempts as it may make", async () => {
  const { ask, paths } = await metadata({ status: 404 });
  expect(await ask()).toEqual({ role: null, status: 404, error: "", attempts: 1 });
  expect(await ask({ ATTEMPTS: "3" })).toMatchObject({ role: null, attempts: 3 });
  expect(paths).toHaveLength(4);
});

test("asks again until it has them", async () => {
  const { ask } = await metadata({ status: 404 }, NAMED, { status: 404 }, NAMED, KEYS);
  expect(await ask({ ATTEMPTS: "9" })).toMatchObject({ role: "of-me", attempts: 3 });
});

test("no answer, and an answer without keys, are no credentials", async () => {
  const silent = await metadata({ status: 0 });
  expect(await silent.ask({ TIMEOUT_MS: "50" })).toMatchObject({ role: null, status: 0, error: "timeout" });
  const empty = await metadata(NAMED, { status: 200, body: "{}" });
  expect(await empty.ask()).toMatchObject({ role: null, status: 200, error: "no access key" });
  const broken = await metadata(NAMED, { status: 200, body: "<html>" });
  expect((await broken.ask()).error).toMatch(/JSON/);
});

test("settings that are none are refused, all at once", () => {
  expect(() => settingsOf({ ATTEMPTS: "0", SLEEP_SECONDS: "soon", METADATA_URL: "ftp://x" })).toThrow(
    /METADATA_URL is "ftp:\/\/x".*; ATTEMPTS is "0"; it must be a whole number from 1 to 100; SLEEP_SECONDS is "soon"/,
  );
});
