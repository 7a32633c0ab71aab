/** checkout as process 1 of a real container: what SIGTERM does there is what a kubelet's SIGTERM does. */
import { request } from "node:http";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { beforeAll, describe, expect, test } from "vitest";
import { docker } from "../../../harness/cluster/docker.ts";
import { buildImages } from "../../../harness/cluster/images/build.ts";
import { LABEL_OWNER, OWNER } from "../../../harness/cluster/labels.ts";
import { setupState } from "../../../harness/cluster/setup/index.ts";
import { waitFor } from "../../../harness/cluster/wait.ts";

// The reaper's image cannot be had everywhere; containers carry our label and each test ends its own.
process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
process.env.TESTCONTAINERS_HOST_OVERRIDE = "127.0.0.1";

let image: string;

beforeAll(async () => {
  const sources = [{ name: "checkout", context: import.meta.dirname }];
  image = (await buildImages(sources, await setupState(), () => undefined)).checkout as string;
});

/** No port is published: the host reaches the container's own address. */
async function withCheckout(
  env: Record<string, string>,
  body: (container: StartedTestContainer, address: string) => Promise<void>,
) {
  const container = await new GenericContainer(image)
    .withEnvironment({ POD_NAME: "alone", ...env })
    .withLabels({ [LABEL_OWNER]: OWNER })
    .withWaitStrategy(Wait.forLogMessage(/"event":"listening"/))
    .start();
  try {
    await body(container, container.getIpAddress("bridge"));
  } finally {
    await container.stop({ timeout: 1_000 });
  }
}

function get(host: string): Promise<{ status: number; pod: string; connection: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host, port: 8080, path: "/cart", agent: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      const { "x-pod": pod, connection } = answer.headers;
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, pod: String(pod), connection: String(connection) }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}

async function events(container: StartedTestContainer): Promise<readonly string[]> {
  const { stdout } = await docker(["logs", container.getId()]);
  return stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [String(JSON.parse(line).event)] : []));
}
const until = (container: StartedTestContainer, event: string) =>
  waitFor({
    what: `checkout logs ${event}`,
    timeoutMs: 30_000,
    everyMs: 50,
    probe: async () => {
      const seen = await events(container);
      return seen.includes(event) ? { done: true, value: seen } : { done: false, saw: seen.join(", ") };
    },
  });

describe("SIGTERM", () => {
  test("close: the listener closes at once, and the process ends by itself", async () => {
    await withCheckout({ ON_SIGTERM: "close" }, async (container, address) => {
      expect(await get(address)).toMatchObject({ status: 200, pod: "alone" });
      await docker(["kill", "--signal", "TERM", container.getId()]);
      expect(await until(container, "exit")).toEqual([
        "listening",
        "sigterm",
        "listener-closed",
        "last-request",
        "exit",
      ]);
      await expect(get(address)).rejects.toThrow(/ECONNREFUSED|EHOSTUNREACH|ECONNRESET|timed out/);
    });
  });

  test("serve: goes on serving and asks its clients to close their connections", async () => {
    await withCheckout({ ON_SIGTERM: "serve", GRACE_SECONDS: "60" }, async (container, address) => {
      await docker(["kill", "--signal", "TERM", container.getId()]);
      expect(await until(container, "sigterm")).toEqual(["listening", "sigterm"]);
      expect(await get(address)).toEqual({ status: 200, pod: "alone", connection: "close" });
    });
  });
});

test("a setting that is none ends the container with a message", async () => {
  const { exitCode, stderr } = await docker(
    ["run", "--rm", "--label", `${LABEL_OWNER}=${OWNER}`, "--env", "ON_SIGTERM=later", image],
    { accept: "any" },
  );
  expect(exitCode).not.toBe(0);
  expect(stderr).toMatch(/ON_SIGTERM is "later"; it must be "close" or "serve"/);
});
