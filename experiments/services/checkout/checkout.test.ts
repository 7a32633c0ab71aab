import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type ExecResult, exec } from "../../../harness/cluster/exec.ts";

interface Line {
  readonly event: string;
  readonly pid?: number;
  readonly port?: number;
  readonly monotonicNs: string;
  readonly count?: number;
}

const running: AbortController[] = [];
afterEach(() => {
  for (const controller of running.splice(0)) controller.abort();
});

interface Running {
  readonly port: number;
  readonly pid: number;
  readonly lines: Line[];
  readonly ended: Promise<ExecResult>;
  seen(event: string): Promise<Line>;
}

/** The real program in a process of its own, on a port of its own. */
async function start(env: Record<string, string>): Promise<Running> {
  const lines: Line[] = [];
  const waiting = new Map<string, (line: Line) => void>();
  const controller = new AbortController();
  running.push(controller);
  const ended = exec(process.execPath, [new URL("./main.ts", import.meta.url).pathname], {
    timeoutMs: 60_000,
    signal: controller.signal,
    env: { PORT: "0", POD_NAME: "checkout-0", ...env },
    onLine: (text) => {
      if (!text.startsWith("{")) return;
      const line = JSON.parse(text) as Line;
      lines.push(line);
      waiting.get(line.event)?.(line);
    },
  });
  ended.catch(() => undefined);
  const seen = (event: string) => {
    const line = lines.find((one) => one.event === event);
    if (line !== undefined) return Promise.resolve(line);
    return new Promise<Line>((resolve) => waiting.set(event, resolve));
  };
  const { pid, port } = await seen("listening");
  return { port: port as number, pid: pid as number, lines, ended, seen };
}

interface Answer {
  readonly status: number;
  readonly pod: string;
  readonly connection: string;
  readonly body: string;
}
function send(app: Running, method: string, path: string, body = "", agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: app.port, method, path, ...(agent === undefined ? {} : { agent }) };
    const call = request(options, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      const { "x-pod": pod, connection } = response.headers;
      resolve({ status: response.statusCode ?? 0, pod: String(pod), connection: String(connection), body: text });
    });
    call.on("error", reject);
    call.end(body);
  });
}

describe("checkout", () => {
  it("answers GET and POST with the name of its pod", async () => {
    const app = await start({});
    expect(await send(app, "GET", "/cart")).toMatchObject({ status: 200, pod: "checkout-0" });
    const posted = await send(app, "POST", "/order", "three apples");
    expect(posted.status).toBe(201);
    expect(JSON.parse(posted.body)).toMatchObject({ pod: "checkout-0", bytes: 12 });
    expect((await send(app, "GET", "/nothing")).status).toBe(404);
  });

  it("with `close` refuses new connections after SIGTERM and exits with 0", async () => {
    const app = await start({ ON_SIGTERM: "close" });
    const agent = new Agent({ keepAlive: true });
    await send(app, "GET", "/cart", "", agent);
    process.kill(app.pid, "SIGTERM");
    await app.seen("listener-closed");
    await expect(send(app, "GET", "/cart")).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    expect((await app.ended).exitCode).toBe(0);
    agent.destroy();
    expect(app.lines.map((line) => line.event)).toEqual([
      "listening",
      "sigterm",
      "listener-closed",
      "last-request",
      "exit",
    ]);
  });

  it("is not kept by a connection that was never used", async () => {
    const app = await start({ ON_SIGTERM: "close" });
    const socket = connect(app.port, "127.0.0.1");
    await once(socket, "connect");
    process.kill(app.pid, "SIGTERM");
    expect((await app.ended).exitCode).toBe(0);
    socket.destroy();
  });

  it("with `serve` goes on serving after SIGTERM, asks for the connection to be closed, then exits with 0", async () => {
    const app = await start({ ON_SIGTERM: "serve", GRACE_SECONDS: "3" });
    process.kill(app.pid, "SIGTERM");
    await app.seen("sigterm");
    expect(await send(app, "GET", "/cart")).toMatchObject({ status: 200, connection: "close" });
    expect((await app.ended).exitCode).toBe(0);
    const last = app.lines.find((line) => line.event === "last-request");
    const sigterm = app.lines.find((line) => line.event === "sigterm");
    expect(last?.count).toBe(1);
    expect(BigInt(last?.monotonicNs ?? 0)).toBeGreaterThan(BigInt(sigterm?.monotonicNs ?? 0));
  });

  it("refuses a setting that it does not know", async () => {
    await expect(
      exec(process.execPath, [new URL("./main.ts", import.meta.url).pathname], {
        timeoutMs: 20_000,
        env: { ON_SIGTERM: "ignore" },
      }),
    ).rejects.toThrow(/must be "close" or "serve"/);
  });
});
