/** A load under way: the scenarios of one script, what they count, and the samples they leave. */
import { monotonicMs } from "../clock.ts";
import { HttpClient } from "../http/client.ts";
import type { Exchange } from "../http/exchange.ts";
import { instantiate, type ScriptModule } from "../k6/instance.ts";
import { BUILT_IN, type Metrics, type Tags } from "../k6/metrics.ts";
import type { RunOptions, Scenario } from "../k6/options.ts";
import type { Runtime, ScenarioState } from "../k6/runtime.ts";
import { evaluateThreshold, type Threshold, type ThresholdResult } from "../k6/thresholds.ts";
import { Vu } from "../k6/vu.ts";
import type { LoadConfig, LoadOutcome, LoadProgress } from "../protocol.ts";
import type { SampleWriter } from "../sample-writer.ts";
import { Counts } from "./counts.ts";
import { runOnce } from "./once.ts";
import { Pacer } from "./pacer.ts";
import { type ScenarioHost, ScenarioRun, type VuInstance } from "./scenario.ts";
import { ScriptErrors } from "./script-errors.ts";
import { warmUp } from "./warm-up.ts";

export interface EngineInput {
  readonly config: LoadConfig;
  readonly modules: readonly ScriptModule[];
  readonly options: RunOptions;
  readonly rawOptions: unknown;
  readonly metrics: Metrics;
  readonly samples: SampleWriter;
}

export class Engine implements Runtime, ScenarioHost {
  readonly options: RunOptions;
  readonly rawOptions: unknown;
  readonly client: HttpClient;
  readonly metrics: Metrics;
  readonly wantsTimings: boolean;
  readonly #input: EngineInput;
  readonly #runs: ScenarioRun[];
  readonly #thresholds: readonly { threshold: Threshold; series: ReturnType<Metrics["watch"]> }[];
  readonly #errors = new ScriptErrors();
  readonly #counts = new Counts();
  #vus = 0;
  #setupData = "null";
  #startMs = 0;
  #startWallMs = 0;
  #pacer: Pacer | null = null;
  #endedEarly: string | null = null;
  #ended: () => void = () => undefined;

  constructor(input: EngineInput) {
    this.#input = input;
    this.options = input.options;
    this.rawOptions = input.rawOptions;
    this.metrics = input.metrics;
    this.client = new HttpClient({
      podHeader: input.config.podHeader,
      insecureSkipTlsVerify: input.options.insecureSkipTLSVerify,
    });
    this.#thresholds = input.options.thresholds.map((threshold) => ({
      threshold,
      series: input.metrics.watch(threshold.name, threshold.filter),
    }));
    const parts = Object.keys(BUILT_IN).filter((name) => /^http_req_/.test(name) && !/_(failed|duration)$/.test(name));
    this.wantsTimings = parts.some((name) => input.metrics.isWatched(name));
    this.#runs = input.options.scenarios.map((scenario) => new ScenarioRun(scenario, this));
  }

  /** Runs the script's `setup` and creates the virtual users that are wanted from the start. @throws what setup throws */
  async prepare(): Promise<void> {
    const data = await runOnce(this, this.#input, "setup", []);
    this.#setupData = JSON.stringify(data ?? null);
    for (const run of this.#runs) run.prepare();
    [this.#pacer] = await Promise.all([Pacer.create(), warmUp()]);
  }

  /** Runs until every scenario is over, by its schedule or because of `stop`. */
  async run(atMs: number): Promise<void> {
    this.#startMs = atMs;
    this.#startWallMs = Date.now() + atMs - monotonicMs();
    const over = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const schedules = this.#runs.map((run) => run.begin(atMs)).filter((schedule) => schedule !== null);
    this.#pacer?.start(schedules, () => {
      for (const run of this.#runs) run.due();
    });
    await over;
    this.#pacer?.stop();
    try {
      await runOnce(this, this.#input, "teardown", [JSON.parse(this.#setupData)]);
    } catch (error) {
      this.scriptThrew(error);
    }
  }

  /** Counts what the script threw; the load goes on. */
  scriptThrew(error: unknown): void {
    this.#errors.add(error);
    this.#counts.threw(error);
  }

  /** No new iterations; those under way are cut off after `graceMs`, or their scenario's gracefulStop if that is less. */
  stop(graceMs: number): void {
    this.#pacer?.stop();
    for (const run of this.#runs) run.close(Math.min(graceMs, run.scenario.gracefulStopMs));
  }

  progress(): LoadProgress {
    const active = this.#runs.reduce((sum, run) => sum + run.activeCount, 0);
    return this.#counts.progress(this.#seconds(), active);
  }

  #seconds(): number {
    return Math.max(0, (monotonicMs() - this.#startMs) / 1000);
  }

  outcome(): LoadOutcome {
    const { offered, started, completed, dropped, late, requests, failed, interrupted, lateness } = this.#counts;
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    return {
      offered,
      started,
      completed,
      dropped,
      late,
      requests,
      failed,
      interrupted,
      thresholds: this.#thresholds.map(
        ({ threshold, series }): ThresholdResult =>
          evaluateThreshold(threshold, series, Math.max(this.#seconds(), 1e-3)),
      ),
      latenessMs:
        lateness.count === 0
          ? null
          : { p50: lateness.quantile(0.5) ?? 0, p99: lateness.quantile(0.99) ?? 0, max: lateness.max },
      scriptErrors: this.#errors.list(),
      endedEarly: this.#endedEarly,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      maxRssBytes: maxRSS * 1024,
    };
  }

  // ---------------------------------------------------------------------------------- for virtual users

  recordRequest(vu: Vu, name: string, exchange: Exchange, intendedMs: number): void {
    const { status, error } = exchange;
    this.#input.samples.add({
      intendedMs,
      startMs: exchange.startMs,
      endMs: exchange.endMs,
      status: error === "" ? status : 0,
      bytes: exchange.bytesReceived,
      error,
      method: exchange.spec.method,
      name,
      scenario: vu.scenario,
      pod: exchange.pod,
      connection: exchange.connection,
    });
    this.#counts.request(exchange, intendedMs);
  }

  scenario(vu: Vu): ScenarioState {
    const run = this.#runs.find(({ scenario }) => scenario.name === vu.scenario);
    return {
      name: vu.scenario,
      executor: run?.scenario.executor ?? "",
      startTime: this.#startWallMs + (run?.scenario.startMs ?? 0),
      progress: run?.progress ?? 0,
      iterationInTest: Math.max(0, (run?.iterations ?? 0) - 1),
    };
  }

  instance(): Record<string, number> {
    return {
      iterationsInterrupted: this.#counts.interrupted,
      iterationsCompleted: this.#counts.completed,
      vusActive: this.#runs.reduce((sum, run) => sum + run.activeCount, 0),
      vusInitialized: this.#vus,
      currentTestRunDuration: monotonicMs() - this.#startMs,
    };
  }

  abort(reason: string): void {
    this.#endedEarly = reason;
    this.stop(0);
  }

  // -------------------------------------------------------------------------------------- for scenarios

  newVu(scenario: Scenario): VuInstance {
    const vu = new Vu(++this.#vus, scenario.name, { ...this.options.tags, ...scenario.tags }, this.#input.config.env);
    const exports = instantiate(this.#input.modules, vu, this);
    Object.assign(vu.env, scenario.env);
    const iteration = exports[scenario.exec] as (data: unknown) => unknown;
    const data: unknown = JSON.parse(this.#setupData);
    return { vu, run: () => iteration(data), busy: false };
  }

  iterationBegins(scenario: Scenario, dueMs: number, nowMs: number): void {
    this.#counts.began(nowMs - dueMs);
    // A counter that stays at zero was measured all the same.
    this.metrics.add("dropped_iterations", 0, () => this.#tagsOf(scenario));
  }

  iterationEnds(vu: Vu, beganMs: number, error: unknown): void {
    this.#counts.completed++;
    if (error !== undefined) this.scriptThrew(error);
    else if (vu.waiting > 0) this.scriptThrew(new Error("an iteration ended while a request or sleep was not over"));
    vu.group = "";
    if (!this.options.noCookiesReset) vu.cookies.clear();
    if (this.options.noVUConnectionReuse) vu.connections.closeIdle();
    const tags = () => ({ ...vu.baseTags, ...vu.tags, scenario: vu.scenario });
    this.metrics.add("iterations", 1, tags);
    this.metrics.add("iteration_duration", monotonicMs() - beganMs, tags);
  }

  dropped(scenario: Scenario, dueMs: number, nowMs: number): void {
    this.#counts.dropped++;
    this.metrics.add("dropped_iterations", 1, () => this.#tagsOf(scenario));
    this.#input.samples.add({
      intendedMs: dueMs,
      startMs: nowMs,
      endMs: nowMs,
      status: 0,
      bytes: 0,
      error: "dropped",
      method: "",
      name: "",
      scenario: scenario.name,
      pod: "",
      connection: "none",
    });
  }

  interrupted(): void {
    this.#counts.interrupted++;
  }

  #tagsOf(scenario: Scenario): Tags {
    return { ...this.options.tags, ...scenario.tags, scenario: scenario.name };
  }

  scenarioEnded(): void {
    if (this.#runs.every((run) => run.ended)) this.#ended();
  }
}
