/**
 * The load runner against vegeta (MIT): the same server, the same rates, one after the other in one run.
 *
 * vegeta measures from the moment it sends, the runner from the moment a request was due, so the comparison is to
 * vegeta's advantage. CPU seconds are those of the whole process, start included; the runner's conversion of samples
 * to Parquet, which vegeta has no counterpart for, comes after what is measured.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exec } from "../cluster/exec.ts";
import { binFolder } from "../cluster/paths.ts";
import { startLoad } from "../load/driver.ts";
import { readSamples } from "../load/samples.ts";

const VEGETA = "github.com/tsenart/vegeta/v12@v12.12.0";
const BUILD_TIMEOUT_MS = 10 * 60_000;
/** What the runner is held to: milliseconds and share beyond vegeta's latency, times vegeta's CPU, memory. */
const LIMITS = { latencyMs: 0.5, latencyShare: 0.2, cpuFactor: 2, rssBytes: 150e6 } as const;

export interface Measured {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
  /** Share of requests answered with 200. */
  readonly success: number;
}
export interface LoadBenchRow {
  readonly ratePerSecond: number;
  readonly vegeta: Measured;
  readonly ours: Measured;
  readonly bytesPerSample: number;
  /** Ours measured as vegeta does, from the moment of sending: what is left of the difference is the generator's lateness. */
  readonly p99FromSendMs: number;
  /** Names of the limits that were not kept. */
  readonly missed: readonly string[];
}

export interface LoadBenchOptions {
  /** Requests per second; default 300, 2,000 and 5,000. */
  readonly rates?: readonly number[];
  /** Of each load; default 10. */
  readonly seconds?: number;
  /** How often every rate is measured; default 1. */
  readonly rounds?: number;
  readonly log: (line: string) => void;
}

/** @throws FaultlineError `command-failed` when Go, or a module of it, is not to be had */
export async function benchLoad(options: LoadBenchOptions): Promise<readonly LoadBenchRow[]> {
  const { rates = [300, 2000, 5000], seconds = 10, rounds = 1, log } = options;
  const programs = await buildPrograms(log);
  const folder = mkdtempSync(join(tmpdir(), "faultline-bench-"));
  const server = spawn(programs.target, ["serve", "127.0.0.1:0"], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const url = `http://${await firstLine(server)}/`;
    const rows: LoadBenchRow[] = [];
    for (const ratePerSecond of rates) {
      for (let round = 0; round < rounds; round++) {
        log(`load: ${ratePerSecond} requests/s for ${seconds} s, vegeta, then faultline`);
        const vegeta = await runVegeta(programs, url, ratePerSecond, seconds, folder);
        const own = await runOurs(url, ratePerSecond, seconds, folder);
        rows.push({ ratePerSecond, vegeta, ...own, missed: missedLimits(vegeta, own.ours) });
      }
    }
    return rows;
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function loadBenchTable(rows: readonly LoadBenchRow[]): string {
  const head = [
    "| requests/s | p50 ms vegeta | p50 ms ours | p99 ms vegeta | p99 ms ours | p99 ms ours from send | CPU s vegeta | CPU s ours | RSS MB ours | bytes/sample | missed |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
  ];
  const lines = rows.map(({ ratePerSecond, vegeta, ours, p99FromSendMs, bytesPerSample, missed }) => {
    const latencies = [vegeta.p50Ms, ours.p50Ms, vegeta.p99Ms, ours.p99Ms, p99FromSendMs].map((ms) => ms.toFixed(2));
    const cpu = [vegeta.cpuSeconds, ours.cpuSeconds].map((seconds) => seconds.toFixed(2));
    const sizes = [(ours.maxRssBytes / 1e6).toFixed(0), bytesPerSample.toFixed(1)];
    return `| ${[ratePerSecond, ...latencies, ...cpu, ...sizes, missed.join(", ") || "–"].join(" | ")} |`;
  });
  return [...head, ...lines].join("\n");
}

function missedLimits(vegeta: Measured, ours: Measured): string[] {
  const slower = (a: number, b: number) => a > b * (1 + LIMITS.latencyShare) + LIMITS.latencyMs;
  return [
    ...(slower(ours.p50Ms, vegeta.p50Ms) ? ["p50"] : []),
    ...(slower(ours.p99Ms, vegeta.p99Ms) ? ["p99"] : []),
    ...(ours.cpuSeconds > vegeta.cpuSeconds * LIMITS.cpuFactor ? ["CPU"] : []),
    ...(ours.maxRssBytes > LIMITS.rssBytes ? ["memory"] : []),
    ...(ours.success < 1 || vegeta.success < 1 ? ["success"] : []),
  ];
}

interface Programs {
  readonly target: string;
  readonly vegeta: string;
}

async function buildPrograms(log: (line: string) => void): Promise<Programs> {
  mkdirSync(binFolder(), { recursive: true });
  const vegeta = join(binFolder(), "vegeta");
  if (!existsSync(vegeta)) {
    log(`building ${VEGETA}`);
    await exec("go", ["install", VEGETA], { timeoutMs: BUILD_TIMEOUT_MS, env: { GOBIN: binFolder() } });
  }
  const target = join(binFolder(), "bench-target");
  const source = fileURLToPath(new URL("./target/main.go", import.meta.url));
  await exec("go", ["build", "-o", target, source], { timeoutMs: BUILD_TIMEOUT_MS });
  return { target, vegeta };
}

async function firstLine(server: ChildProcess): Promise<string> {
  const [bytes] = (await once(server.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return bytes.toString().trim();
}

async function runVegeta(
  programs: Programs,
  url: string,
  ratePerSecond: number,
  seconds: number,
  folder: string,
): Promise<Measured> {
  const results = join(folder, "vegeta.bin");
  const attack = ["attack", `-rate=${ratePerSecond}`, `-duration=${seconds}s`, "-timeout=5s", `-output=${results}`];
  const run = await exec(programs.target, ["measure", programs.vegeta, ...attack], {
    timeoutMs: (seconds + 60) * 1000,
    input: `GET ${url}\n`,
  });
  const usage = JSON.parse(run.stderr.split("\n").at(-1) ?? "") as { cpuSeconds: number; maxRssBytes: number };
  const report = await exec(programs.vegeta, ["report", "-type=json", results], { timeoutMs: 60_000 });
  const { latencies, success } = JSON.parse(report.stdout) as {
    latencies: { "50th": number; "99th": number };
    success: number;
  };
  return { p50Ms: latencies["50th"] / 1e6, p99Ms: latencies["99th"] / 1e6, success, ...usage };
}

async function runOurs(
  url: string,
  ratePerSecond: number,
  seconds: number,
  folder: string,
): Promise<Pick<LoadBenchRow, "ours" | "bytesPerSample" | "p99FromSendMs">> {
  const load = await startLoad({
    scriptPath: fileURLToPath(new URL("../../experiments/load/steady.k6.ts", import.meta.url)),
    env: { TARGET_URL: url, RATE: String(ratePerSecond), DURATION: `${seconds}s` },
    outFile: join(folder, "ours"),
  });
  const { samples, cpuSeconds, maxRssBytes, offered } = await load.done;
  const { length, intendedMs, startMs, endMs, status } = await readSamples(samples);
  const fromDue = endMs.map((end, index) => end - (intendedMs[index] ?? 0)).sort();
  const fromSend = endMs.map((end, index) => end - (startMs[index] ?? 0)).sort();
  const at = (sorted: Float64Array, share: number) => sorted[Math.max(0, Math.ceil(share * length) - 1)] ?? Number.NaN;
  const { size } = statSync(samples);
  const good = Array.from(status).filter((code) => code === 200).length;
  return {
    p99FromSendMs: at(fromSend, 0.99),
    ours: { p50Ms: at(fromDue, 0.5), p99Ms: at(fromDue, 0.99), cpuSeconds, maxRssBytes, success: good / offered },
    bytesPerSample: size / length,
  };
}
