/** `k6`, `k6/metrics` and `k6/execution` for one virtual user. */
import { monotonicMs } from "../clock.ts";
import type { MetricType, Tags } from "./metrics.ts";
import type { Runtime } from "./runtime.ts";
import type { Vu } from "./vu.ts";

type Given = Readonly<Record<string, string>> | undefined;

export function coreModule(vu: Vu, runtime: Runtime): Record<string, unknown> {
  return {
    check: (value: unknown, checks: Readonly<Record<string, (value: unknown) => unknown>>, tags?: Given) =>
      check(vu, runtime, value, checks, tags),
    group: (name: string, run: () => unknown) => group(vu, runtime, name, run),
    sleep: (seconds: number) => vu.inTurn(() => sleep(vu, seconds)),
    fail: (message?: string) => {
      throw new Error(message ?? "fail() was called");
    },
  };
}

function check(
  vu: Vu,
  runtime: Runtime,
  value: unknown,
  checks: Readonly<Record<string, (value: unknown) => unknown>>,
  tags: Given,
): boolean {
  let all = true;
  for (const [name, test] of Object.entries(checks)) {
    const ok = Boolean(typeof test === "function" ? test(value) : test);
    all &&= ok;
    runtime.metrics.add("checks", ok ? 1 : 0, () => ({ ...tagsOf(vu), ...tags, check: name }));
  }
  return all;
}

/** Returns what `run` returns; where that waits, the group lasts until it is over. */
function group(vu: Vu, runtime: Runtime, name: string, run: () => unknown): unknown {
  const outer = vu.group;
  const start = monotonicMs();
  vu.group = `${outer}::${name}`;
  const leave = () => {
    runtime.metrics.add("group_duration", monotonicMs() - start, () => tagsOf(vu));
    vu.group = outer;
  };
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    leave();
    throw error;
  }
  if (result instanceof Promise) return result.finally(leave);
  leave();
  return result;
}

/** A pause that the script asks for moves what is due after it by just its length, not by how late the timer was. */
function sleep(vu: Vu, seconds: number): Promise<void> {
  const due = (vu.dueMs ?? monotonicMs()) + seconds * 1000;
  return new Promise((resolve) => {
    setTimeout(
      () => {
        if (vu.interrupted) return;
        vu.dueMs = due;
        resolve();
      },
      Math.max(0, due - monotonicMs()),
    );
  });
}

function tagsOf(vu: Vu): Tags {
  return { ...vu.baseTags, ...vu.tags, scenario: vu.scenario, group: vu.group };
}

export function metricsModule(vu: Vu, runtime: Runtime): Record<string, unknown> {
  const metricClass = (type: MetricType) =>
    class {
      readonly name: string;

      constructor(name: string) {
        const known = runtime.metrics.declare(name, type);
        if (known !== type) throw new Error(`metric "${name}" is a ${known} already`);
        this.name = name;
      }

      add(value: number | boolean, tags?: Given): void {
        const amount = type === "rate" ? Number(Boolean(value)) : Number(value);
        runtime.metrics.add(this.name, amount, () => ({ ...tagsOf(vu), ...tags }));
      }
    };
  return {
    Counter: metricClass("counter"),
    Gauge: metricClass("gauge"),
    Rate: metricClass("rate"),
    Trend: metricClass("trend"),
  };
}

export function executionModule(vu: Vu, runtime: Runtime): Record<string, unknown> {
  return {
    scenario: live(() => ({ ...runtime.scenario(vu), iterationInInstance: runtime.scenario(vu).iterationInTest })),
    instance: live(() => runtime.instance()),
    test: {
      abort: (message?: string) => {
        runtime.abort(message ?? "test.abort() was called");
        vu.interrupt();
        throw new Error(message ?? "test.abort() was called");
      },
      fail: (message?: string) => {
        throw new Error(message ?? "test.fail() was called");
      },
      options: runtime.rawOptions,
    },
    vu: {
      get idInTest() {
        return vu.id;
      },
      get idInInstance() {
        return vu.id;
      },
      get iterationInInstance() {
        return vu.iteration;
      },
      get iterationInScenario() {
        return vu.iterationInScenario;
      },
      tags: vu.tags,
      metrics: { tags: vu.tags, metadata: {} },
    },
  };
}

/** An object whose properties are looked up anew each time. */
function live(read: () => object): object {
  return new Proxy({}, { get: (_target, name) => Reflect.get(read(), name) });
}
