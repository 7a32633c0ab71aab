import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { exec } from "../../../harness/cluster/exec.ts";
import { createBacklog } from "./backlog.ts";

describe("a backlog", () => {
  it("grows with time and shrinks with the CPU time that is spent on it", () => {
    let nowMs = 0;
    let cpuMs = 0;
    // Each look at the CPU clock costs a tenth of a millisecond of it.
    const backlog = createBacklog(0.2, {
      nowMs: () => nowMs,
      cpuMs: () => {
        cpuMs += 0.1;
        return cpuMs;
      },
    });
    expect(backlog.owedMs()).toBe(0);
    nowMs = 1_000;
    expect(backlog.owedMs()).toBe(200);
    backlog.work(50);
    expect(backlog.owedMs()).toBeCloseTo(150, 0);
    backlog.work(500);
    expect(backlog.owedMs()).toBeCloseTo(0, 0);
    const before = cpuMs;
    backlog.work(500);
    expect(cpuMs - before).toBeLessThan(0.5);
  });
});

describe("the real program", () => {
  const MAIN = new URL("./main.ts", import.meta.url).pathname;

  it("answers while it works, and ends at SIGTERM", async () => {
    const stop = new AbortController();
    let seen: (port: number) => void = () => undefined;
    const port = new Promise<number>((resolve) => {
      seen = resolve;
    });
    const ended = exec(process.execPath, [MAIN], {
      ...{ timeoutMs: 60_000, signal: stop.signal, env: { PORT: "0", POD_NAME: "one", CPU_DEMAND: "0.1" } },
      onLine: (line) => {
        if (line.startsWith("{")) seen(JSON.parse(line).address.port);
      },
    }).catch((error: unknown) => error);
    expect(await ask(await port)).toEqual({ pod: "one", owedMs: expect.any(Number) });
    stop.abort();
    await ended;
  });

  it("refuses a demand that is none", async () => {
    const { exitCode, stderr } = await exec(process.execPath, [MAIN], {
      ...{ timeoutMs: 60_000, env: { PORT: "0", CPU_DEMAND: "lots" }, accept: "any" as const },
    });
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/CPU_DEMAND is "lots"; it must be from 0 to 1/);
  });
});

function ask(port: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, agent: false, timeout: 5_000 }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text) => {
        body += text;
      });
      answer.on("end", () => resolve(JSON.parse(body)));
    });
    call.on("error", reject);
    call.end();
  });
}
