/** Our mock in a container beside aws/amazon-ec2-metadata-mock, the reference for the wire format: field by field. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec, startDetached } from "../exec.ts";
import { freePorts } from "../free-port.ts";
import { buildImages } from "../images/build.ts";
import { IMDS_IMAGE } from "../imds/address.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { setupState } from "../setup/index.ts";
import { waitFor } from "../wait.ts";

process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
process.env.TESTCONTAINERS_HOST_OVERRIDE = "127.0.0.1";

const REFERENCE = "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock@v1.13.0";
const BUILD_TIMEOUT_MS = 300_000;
const PORT = 8_080;
const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN = "x-aws-ec2-metadata-token";
const folder = mkdtempSync(join(tmpdir(), "faultline-imds-"));

interface Service {
  readonly host: string;
  readonly port: number;
  readonly role: string;
}
let ours: Service;
let reference: Service;
let container: StartedTestContainer | undefined;
let pid: number | undefined;

const go = await exec("go", ["version"], { timeoutMs: 30_000 }).then(
  () => true,
  () => false,
);

beforeAll(async () => {
  if (!go) return;
  await Promise.all([startOurs(), startReference()]);
}, BUILD_TIMEOUT_MS + 60_000);

afterAll(async () => {
  if (pid !== undefined) process.kill(pid, "SIGTERM");
  await container?.stop({ timeout: 1_000 });
  rmSync(folder, { recursive: true, force: true });
});

async function startOurs(): Promise<void> {
  const images = await buildImages([IMDS_IMAGE], await setupState(), () => undefined);
  container = await new GenericContainer(images[IMDS_IMAGE.name] ?? "")
    .withEnvironment({ IMDS_HOST: "0.0.0.0", IMDS_PORT: String(PORT) })
    .withLabels({ [LABEL_OWNER]: OWNER })
    .withWaitStrategy(Wait.forLogMessage(/listening/))
    .start();
  // No port is published: the host reaches the container's own address.
  ours = { host: container.getIpAddress("bridge"), port: PORT, role: "faultline-node" };
}

async function startReference(): Promise<void> {
  await exec("go", ["install", REFERENCE], {
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { GOBIN: folder, GOFLAGS: "-mod=mod" },
  });
  const [port = 0] = await freePorts("imds-reference", 1);
  const args = ["--imdsv2", "--hostname", "127.0.0.1", "--port", String(port)];
  pid = startDetached(join(folder, "ec2-metadata-mock"), args, { logFile: join(folder, "log") });
  reference = { host: "127.0.0.1", port, role: "baskinc-role" };
  await waitFor({
    what: "the reference answers",
    timeoutMs: 30_000,
    everyMs: 100,
    probe: async () => {
      const { status } = await ask(reference, "GET", "/latest/meta-data/instance-id");
      return status === 401 ? { done: true, value: undefined } : { done: false, saw: `status ${status}` };
    },
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly ttl: string | undefined;
}
function ask(service: Service, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = service;
    const call = request({ host, port, method, path, headers, agent: false, timeout: 10_000 }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      const type = (answer.headers["content-type"] ?? "").replace(/;.*/, "");
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, type, body, ttl: answer.headers[TTL]?.toString() }),
      );
    });
    call.on("timeout", () => call.destroy(new Error("no answer")));
    call.on("error", reject);
    call.end();
  });
}

async function withToken(service: Service, path: string): Promise<Answer> {
  const token = (await ask(service, "PUT", "/latest/api/token", { [TTL]: "60" })).body;
  return await ask(service, "GET", path.replace("ROLE", service.role), { [TOKEN]: token });
}
const both = async (get: (service: Service) => Promise<Answer>) => [await get(ours), await get(reference)] as const;

/** What a client can rely on of a value: what it is, and what it looks like. */
function formOf(key: string, value: unknown): string {
  if (typeof value !== "string") return value === null ? "null" : typeof value;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return "instant";
  if (/^\d+\.\d+\.\d+\.\d+$/.test(value)) return "address";
  return ["Code", "Type", "version", "architecture", "region"].includes(key) ? value : "text";
}
const formsOf = (body: string) =>
  Object.fromEntries(Object.entries(JSON.parse(body) as object).map(([key, value]) => [key, formOf(key, value)]));

describe.skipIf(!go)("beside amazon-ec2-metadata-mock (skipped where there is no Go to build it with)", () => {
  it.each([
    "/latest/meta-data/iam/security-credentials/ROLE",
    "/latest/meta-data/iam/info",
    "/latest/dynamic/instance-identity/document",
  ])("%s has the same fields, in the same form", async (path) => {
    const [mine, theirs] = await both((service) => withToken(service, path));
    expect([mine.status, theirs.status]).toEqual([200, 200]);
    expect(formsOf(mine.body)).toEqual(formsOf(theirs.body));
    if (!path.includes("dynamic"))
      expect(Object.keys(JSON.parse(mine.body))).toEqual(Object.keys(JSON.parse(theirs.body)));
  });

  it.each(["security-credentials/", "security-credentials"])("%s names the role and nothing else", async (path) => {
    const [mine, theirs] = await both((service) => withToken(service, `/latest/meta-data/iam/${path}`));
    expect([mine.body, theirs.body]).toEqual([ours.role, reference.role]);
    expect([mine.status, mine.type]).toEqual([theirs.status, theirs.type]);
  });

  it.each([
    "instance-id",
    "instance-type",
    "ami-id",
    "hostname",
    "local-hostname",
    "local-ipv4",
    "instance-life-cycle",
    "placement/availability-zone",
    "placement/region",
    "services/domain",
    "services/partition",
  ])("%s is one line of plain text", async (path) => {
    const [mine, theirs] = await both((service) => withToken(service, `/latest/meta-data/${path}`));
    expect([mine.status, mine.type, mine.body.split("\n").length]).toEqual([200, theirs.type, 1]);
    expect(formOf("", mine.body)).toBe(formOf("", theirs.body));
    // A time to live is what the service itself adds; the reference leaves it out.
    expect([Number(mine.ttl) > 0, theirs.ttl]).toEqual([true, undefined]);
  });

  it.each<[string, string, Record<string, string>]>([
    ["PUT", "/latest/api/token", { [TTL]: "60" }],
    ["PUT", "/latest/api/token", {}],
    ["PUT", "/latest/api/token", { [TTL]: "0" }],
    ["PUT", "/latest/api/token", { [TTL]: "21601" }],
    ["PUT", "/latest/api/token", { [TTL]: "never" }],
    ["GET", "/latest/meta-data/instance-id", { [TOKEN]: "made-up" }],
  ])("%s %s %j: the same status", async (method, path, headers) => {
    const [mine, theirs] = await both((service) => ask(service, method, path, headers));
    expect(mine.status).toBe(theirs.status);
    if (mine.status === 200) expect(mine.ttl).toBe(theirs.ttl);
  });

  it.each(["/latest/meta-data/nothing", "/latest/meta-data/iam/security-credentials/another"])(
    "%s is not there",
    async (path) => {
      const [mine, theirs] = await both((service) => withToken(service, path));
      expect([mine.status, theirs.status]).toEqual([404, 404]);
      expect(mine.body).toContain("404 - Not Found");
      expect(theirs.body).toContain("404 - Not Found");
    },
  );

  it("where they differ, the service itself is the measure: documents are plain text, a GET of a token is no method", async () => {
    const [mine, theirs] = await both((service) =>
      withToken(service, "/latest/meta-data/iam/security-credentials/ROLE"),
    );
    expect([mine.type, theirs.type]).toEqual(["text/plain", "application/json"]);
    const [mineGet, theirsGet] = await both((service) => ask(service, "GET", "/latest/api/token"));
    expect([mineGet.status, theirsGet.status]).toEqual([405, 200]);
  });
});
