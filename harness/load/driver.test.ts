import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { inspectScript, type LoadProgress, type RunningLoad, startLoad } from "./driver.ts";
import { readSamples } from "./samples.ts";

/** A hurt machine is no reason to fail: what is waited for comes, or does not come at all. */
vi.setConfig({ testTimeout: 120_000 });
const PATIENCE = { timeout: 60_000 };

const folder = mkdtempSync(join(tmpdir(), "faultline-load-"));
const servers: http.Server[] = [];
const loads: RunningLoad[] = [];
afterEach(async () => {
  for (const load of loads.splice(0)) await load.stop(0).catch(() => undefined);
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function serve(handler: http.RequestListener): Promise<string> {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, handler).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const ok: http.RequestListener = (_request, response) =>
  response.setHeader("x-pod", "pod-1").end('{"list":[{"id":7}]}');

let scripts = 0;
function script(text: string): string {
  const path = join(folder, `script-${++scripts}.k6.ts`);
  writeFileSync(path, `import http from "k6/http";\nimport { check, group, sleep, fail } from "k6";\n${text}`);
  return path;
}
const arrival = (fields: string) =>
  `export const options = { scenarios: { main: { executor: "constant-arrival-rate", ${fields} } } };\n`;

async function start(text: string, env: Record<string, string>, onProgress?: (progress: LoadProgress) => void) {
  const scriptPath = script(text);
  const outFile = scriptPath.replace(".k6.ts", "");
  const lines: string[] = [];
  const load = await startLoad({
    scriptPath,
    env,
    outFile,
    onLine: (line) => lines.push(line),
    ...(onProgress ? { onProgress } : {}),
  });
  loads.push(load);
  return { load, outFile, lines };
}

async function run(text: string, env: Record<string, string>) {
  const { load, lines } = await start(text, env);
  const result = await load.done;
  const samples = await readSamples(result.samples);
  const text_ = (name: "error" | "pod" | "name" | "connection" | "method" | "scenario") =>
    Array.from(samples[name].codes, (code) => samples[name].values[code] ?? "");
  const latencies = Array.from(samples.endMs, (end, index) => end - (samples.intendedMs[index] ?? 0));
  return { result, samples, lines, latencies, text: text_ };
}

describe("an open model", () => {
  test("begins every iteration when it is due, whatever the system does", async () => {
    const url = await serve(ok);
    const { result, samples, text } = await run(
      `${arrival('rate: 100, duration: "1s", preAllocatedVUs: 5, maxVUs: 100')}export default () => { http.get(__ENV.URL, { tags: { name: "get" } }); }`,
      { URL: url },
    );
    expect(result).toMatchObject({ offered: 100, started: 100, completed: 100, dropped: 0, requests: 100, failed: 0 });
    expect(samples.length).toBe(100);
    const intended = [...samples.intendedMs].sort((a, b) => a - b);
    const gaps = intended.slice(1).map((at, index) => at - (intended[index] ?? 0));
    expect(Math.max(...gaps.map((gap) => Math.abs(gap - 10)))).toBeLessThan(0.001);
    expect(samples.startMs.every((at, index) => at >= (samples.intendedMs[index] ?? 0))).toBe(true);
    expect(new Set(text("pod"))).toEqual(new Set(["pod-1"]));
    expect(new Set(text("name"))).toEqual(new Set(["get"]));
    expect(text("connection").filter((kind) => kind === "pooled").length).toBeGreaterThan(0);
  });

  test("a stall of a second is seen by every request that was due in it", async () => {
    let stallUntil = 0;
    const waiting: http.ServerResponse[] = [];
    const url = await serve((_request, response) => {
      if (stallUntil === 0) {
        stallUntil = performance.now() + 1000;
        setTimeout(() => waiting.splice(0).map((one) => one.end("ok")), 1000);
      }
      if (performance.now() < stallUntil) waiting.push(response);
      else response.end("ok");
    });
    const { result, latencies } = await run(
      `${arrival('rate: 100, duration: "2s", preAllocatedVUs: 5, maxVUs: 200')}export default () => { http.get(__ENV.URL); }`,
      { URL: url },
    );
    expect(result).toMatchObject({ offered: 200, completed: 200, dropped: 0 });
    // Due at 0, 10, … 990 ms of the stall: latencies of 1000, 990, … 10 ms. A closed loop would see one slow request.
    expect(latencies.filter((ms) => ms >= 500).length).toBeGreaterThanOrEqual(45);
    expect(latencies.filter((ms) => ms >= 100).length).toBeGreaterThanOrEqual(85);
  });

  test("what finds every virtual user busy is dropped, counted, and a sample", async () => {
    const url = await serve(() => undefined);
    const { result, text, samples } = await run(
      `${arrival('rate: 50, duration: "1s", preAllocatedVUs: 2, maxVUs: 4, gracefulStop: "0s"')}export default () => { http.get(__ENV.URL); }`,
      { URL: url },
    );
    expect(result).toMatchObject({ offered: 50, started: 4, dropped: 46, completed: 0, interrupted: 4 });
    const errors = text("error");
    expect(errors.filter((error) => error === "dropped")).toHaveLength(46);
    expect(errors.filter((error) => error === "interrupted")).toHaveLength(4);
    expect(Array.from(samples.status).every((status) => status === 0)).toBe(true);
  });

  test("a request that hangs counts with its full time-out", async () => {
    const url = await serve(() => undefined);
    const { latencies, text, result } = await run(
      `${arrival('rate: 10, duration: "500ms", preAllocatedVUs: 10')}export default () => { http.get(__ENV.URL, { timeout: "700ms" }); }`,
      { URL: url },
    );
    expect(text("error")).toEqual(Array(5).fill("timeout"));
    expect(Math.min(...latencies)).toBeGreaterThanOrEqual(700);
    expect(result.failed).toBe(5);
  });

  test("several scenarios, each with its own function, start, environment and tags", async () => {
    const url = await serve(ok);
    const { text, result } = await run(
      `export const options = { scenarios: {
         read: { executor: "constant-arrival-rate", rate: 40, duration: "500ms", preAllocatedVUs: 2, maxVUs: 50, exec: "read", env: { WHAT: "r" } },
         write: { executor: "constant-vus", vus: 2, duration: "300ms", startTime: "200ms", exec: "write", env: { WHAT: "w" } },
       }, thresholds: { "http_reqs{scenario:read}": ["count==20"], "http_reqs{name:w}": ["count>0"], dropped_iterations: ["count==0"] } };
       export function read() { http.get(__ENV.URL, { tags: { name: __ENV.WHAT } }); }
       export function write() { http.post(__ENV.URL, "x", { tags: { name: __ENV.WHAT } }); sleep(0.02); }`,
      { URL: url },
    );
    expect(result.thresholds.map(({ ok: kept }) => kept)).toEqual([true, true, true]);
    const kinds = new Set(
      text("scenario").map((scenario, index) => `${scenario} ${text("method")[index]} ${text("name")[index]}`),
    );
    expect(kinds).toEqual(new Set(["read GET r", "write POST w"]));
  });
});

describe("the API", () => {
  test("behaves as the script expects", async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      let body = "";
      request.on("data", (bytes) => {
        body += bytes;
      });
      request.on("end", () => {
        seen.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers.cookie ?? "-"} ${body}`);
        if (request.url === "/redirect")
          return response.writeHead(302, { location: "/json", "set-cookie": "s=1" }).end();
        if (request.url === "/missing") return response.writeHead(404).end();
        return ok(request, response);
      });
    });
    const { result, lines } = await run(
      `import { Counter } from "k6/metrics";
       import exec from "k6/execution";
       export const options = { vus: 1, duration: "10s", thresholds: {
         checks: ["rate==1"], orders: ["count==3"], "http_req_failed{name:missing}": ["rate==1"],
         "http_req_failed{group:::shop}": ["rate==0"], "http_req_duration{name:never}": ["p(95)<1"], iterations: ["count==1"] } };
       const orders = new Counter("orders");
       let calls = 0;
       class Shop { constructor(base) { this.base = base; } buy(what) { calls++; return http.post(this.base + "/buy", { what }); } }
       export function setup() { return { id: http.get(__ENV.URL + "/setup").json("list.0.id") }; }
       export default function (data) {
         const shop = new Shop(__ENV.URL);
         const r = group("shop", () => { [1, 2].forEach((n) => shop.buy("b" + n)); return shop.buy("c"); });
         orders.add(3);
         const moved = http.get(__ENV.URL + "/redirect", { headers: { Host: "shop.example" } });
         const [a, b] = http.batch([["GET", __ENV.URL + "/a"], { method: "PUT", url: __ENV.URL + "/b", body: "B" }]);
         const missing = http.get(http.url\`\${__ENV.URL}/missing\`, { tags: { name: "missing" } });
         const dead = http.get("http://127.0.0.1:1/", { responseCallback: null });
         check(null, {
           "setup": () => data.id === 7, "status": () => r.status === 200 && r.status_text === "200 OK",
           "headers": () => r.headers["X-Pod"] === "pod-1", "json": () => r.json("list.#") === 1, "state": () => calls === 3,
           "redirect": () => moved.url.endsWith("/json") && moved.status === 200, "batch": () => a.status === 200 && b.status === 200,
           "missing": () => missing.error_code === 1404, "dead": () => dead.status === 0 && dead.error_code === 1212 && dead.body === null,
           "vu": () => __VU === 1 && __ITER === 0 && exec.vu.idInTest === 1 && exec.scenario.name === "default",
           "timings": () => r.timings.duration > 0 && r.timings.waiting <= r.timings.duration,
         }) || console.log("a check failed");
         exec.test.abort("enough");
       }
       export function teardown(data) { http.get(__ENV.URL + "/teardown/" + data.id); }`,
      { URL: url },
    );
    expect(lines).toEqual([]);
    const host = url.slice(7);
    expect(seen.filter((line) => !/ \/[ab] /.test(line))).toEqual([
      `GET /setup ${host} - `,
      `POST /buy ${host} - what=b1`,
      `POST /buy ${host} - what=b2`,
      `POST /buy ${host} - what=c`,
      "GET /redirect shop.example - ",
      "GET /json shop.example s=1 ",
      `GET /missing ${host} s=1 `,
      `GET /teardown/7 ${host} - `,
    ]);
    expect(seen).toEqual(expect.arrayContaining([`GET /a ${host} s=1 `, `PUT /b ${host} s=1 B`]));
    expect(result.endedEarly).toBe("enough");
    expect(Object.fromEntries(result.thresholds.map(({ metric, ok: kept }) => [metric, kept]))).toEqual({
      checks: true,
      orders: true,
      "http_req_failed{name:missing}": true,
      "http_req_failed{group:::shop}": true,
      "http_req_duration{name:never}": null,
      iterations: null,
    });
  });

  test("what the script throws is counted, with its place, and the load goes on", async () => {
    const { result } = await run(
      `${arrival('rate: 20, duration: "500ms", preAllocatedVUs: 2')}export default () => {\n  fail("no stock");\n};`,
      {},
    );
    expect(result).toMatchObject({ completed: 10, requests: 0 });
    expect(result.scriptErrors).toEqual([{ message: expect.stringMatching(/no stock \(.*\.k6\.ts:5\)$/), count: 10 }]);
  });

  test("connections: pooled, of their own, and none across iterations", async () => {
    const url = await serve(ok);
    const kinds = async (options: string, params: string) => {
      const text = `export const options = { ${options} scenarios: { main: { executor: "constant-arrival-rate", rate: 40, duration: "500ms", preAllocatedVUs: 1, maxVUs: 1 } } };
        export default () => { http.get(__ENV.URL, ${params}); };`;
      return new Set((await run(text, { URL: url })).text("connection").slice(1));
    };
    expect(await kinds("", "{}")).toContain("pooled");
    expect(await kinds("", '{ headers: { connection: "close" } }')).not.toContain("pooled");
    expect(await kinds("noConnectionReuse: true,", "{}")).not.toContain("pooled");
    expect(await kinds("noVUConnectionReuse: true,", "{}")).not.toContain("pooled");
  });
});

describe("the end", () => {
  const endless = `${arrival('rate: 100, duration: "10m", preAllocatedVUs: 10, maxVUs: 500')}export default () => { http.get(__ENV.URL); }`;
  const answered = (load: RunningLoad) => expect.poll(() => load.progress?.completed ?? 0, PATIENCE).toBeGreaterThan(0);

  test("stop ends it before its schedule does; what is under way gets its grace", async () => {
    const url = await serve((_request, response) => void setTimeout(() => response.end("late"), 300));
    const { load } = await start(endless, { URL: url });
    await answered(load);
    const result = await load.stop();
    expect(result.interrupted).toBe(0);
    expect(result.completed).toBe(result.started);
    expect((await readSamples(result.samples)).length).toBe(result.requests);
  });

  test("what is longer than its grace is interrupted, and a sample", async () => {
    let requests = 0;
    const url = await serve((_request, response) => void (requests++ < 20 && response.end("ok")));
    const { load } = await start(endless, { URL: url });
    await answered(load);
    await expect.poll(() => load.progress?.active ?? 0, PATIENCE).toBeGreaterThan(0);
    const result = await load.stop(0);
    const { error, length } = await readSamples(result.samples);
    const interrupted = Array.from(error.codes).filter((code) => error.values[code] === "interrupted");
    expect(interrupted).toHaveLength(result.interrupted);
    expect(result.interrupted).toBeGreaterThan(0);
    expect(length).toBe(result.completed + result.interrupted);
  });

  test("killed, it says so, and everything recorded until then can be read", async () => {
    const url = await serve(ok);
    const { load, outFile } = await start(endless, { URL: url });
    await answered(load);
    const known = load.progress?.completed ?? 0;
    // A block waits at most a quarter of a second, a report comes every half: two later, what the first knew is on disk.
    const reported = load.progress;
    await expect.poll(() => (load.progress?.completed ?? 0) > known && load.progress !== reported, PATIENCE).toBe(true);
    const later = load.progress;
    await expect.poll(() => load.progress !== later, PATIENCE).toBe(true);
    process.kill(load.pid, "SIGKILL");
    await expect(load.done).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("SIGKILL") });
    await expect(load.stop()).rejects.toMatchObject({ code: "internal" });
    const samples = await readSamples(`${outFile}.bin`);
    expect(samples.length).toBeGreaterThanOrEqual(known);
    expect(samples.error.values).toEqual([""]);
    expect(existsSync(`${outFile}.parquet`)).toBe(false);
  });

  test("it does not outlive the harness", async () => {
    const url = await serve(ok);
    const path = script(endless);
    const driver = new URL("./driver.ts", import.meta.url).href;
    const program = `const { startLoad } = await import(${JSON.stringify(driver)});
      const load = await startLoad({ scriptPath: ${JSON.stringify(path)}, env: { URL: ${JSON.stringify(url)} }, outFile: ${JSON.stringify(path)} });
      process.stdout.write(String(load.pid));
      setInterval(() => undefined, 1000);`;
    const { spawn } = await import("node:child_process");
    const harness = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [bytes] = (await once(harness.stdout, "data")) as [Buffer];
    const pid = Number(bytes.toString());
    await expect
      .poll(() => existsSync(`${path}.bin`) && readFileSync(`${path}.bin`).length, PATIENCE)
      .toBeGreaterThan(2000);
    harness.kill("SIGKILL");
    await expect.poll(() => existsSync(`/proc/${pid}`), PATIENCE).toBe(false);
    expect((await readSamples(`${path}.bin`)).length).toBeGreaterThan(0);
  });
});

describe("a script that cannot run", () => {
  const bad = `import ws from "k6/ws";
export const options = { stages: [], scenarios: {
  main: { executor: "ramping-vus", stages: [] } } };
export default () => { http.file(); };`;
  const expected = [
    '3: import of "k6/ws" is not supported',
    "6: http.file is not supported",
    "4: options.stages is not supported",
    '5: executor "ramping-vus" is not supported',
  ];

  test("is refused with everything at once, and nothing is left", async () => {
    const path = script(bad);
    const promise = startLoad({ scriptPath: path, env: {}, outFile: path });
    await expect(promise).rejects.toMatchObject({ code: "usage" });
    const message = await promise.catch((error: Error) => error.message);
    for (const text of expected) expect(message).toContain(`${path}:${text}`);
    expect(existsSync(`${path}.bin`)).toBe(false);
  });

  test("is looked at without running it", async () => {
    const { problems } = await inspectScript({ scriptPath: script(bad), env: {} });
    expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual(
      expected.map((text) => expect.stringContaining(text)),
    );
  });

  test("throws in its init code", async () => {
    const { problems } = await inspectScript({ scriptPath: script("\nnull.x;"), env: {} });
    expect(problems).toEqual([expect.objectContaining({ line: 4, message: expect.stringContaining("init code: ") })]);
  });

  test("throws in its setup", async () => {
    const path = script(
      `export const options = { vus: 1, duration: "1s" };\nexport function setup() { fail("no"); }\nexport default () => {};`,
    );
    await expect(startLoad({ scriptPath: path, env: {}, outFile: path })).rejects.toThrow(/setup\(\): no/);
    expect(existsSync(`${path}.bin`)).toBe(false);
  });

  test("the scenarios of one that can run are known before", async () => {
    const { problems, scenarios } = await inspectScript({
      scriptPath: script(
        `${arrival('rate: 90, timeUnit: "1m", duration: __ENV.D, preAllocatedVUs: 1')}export default () => {};`,
      ),
      env: { D: "3m" },
    });
    expect(problems).toEqual([]);
    expect(scenarios).toEqual([
      {
        name: "main",
        executor: "constant-arrival-rate",
        startMs: 0,
        durationMs: 180_000,
        gracefulStopMs: 30_000,
        ratePerSecond: 1.5,
      },
    ]);
  });
});
