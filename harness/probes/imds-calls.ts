/** What pods ask of the metadata mock, once a second, counted at the mocks; before and after, what such a call costs. */
import { setTimeout as sleep } from "node:timers/promises";
import { askCanaries, readMocks } from "../cluster/imds/mocks.ts";
import type { Round } from "../cluster/imds-server/canary.ts";
import type { ImdsCallsProbe } from "../types.ts";
import { runningPods } from "./clients.ts";
import { gapObserver, type Probe, type ProbeContext } from "./probe.ts";

const EVERY_MS = 1_000;
/** Three calls each: enough for a median on every node. */
const CANARY = { rounds: 3, timeoutMs: 10_000 };

export const imdsCalls: Probe<ImdsCallsProbe> = {
  kind: "imds-calls",

  async start(name, spec, context) {
    await askOnce(name, context);
    await look(name, spec, context);
    const end = new AbortController();
    const looking = lookOn(name, spec, context, end.signal);
    return {
      stop: async () => {
        end.abort();
        await looking;
        await askOnce(name, context);
      },
    };
  },
};

/** Until the signal, and once more after it. A look that fails is a gap: what was asked meanwhile is in the next one. */
async function lookOn(name: string, spec: ImdsCallsProbe, context: ProbeContext, signal: AbortSignal): Promise<void> {
  const onGap = gapObserver(name, "metadata calls", context);
  let goodNs = process.hrtime.bigint();
  for (let last = false; !last; ) {
    await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    last = signal.aborted;
    try {
      await look(name, spec, context);
      goodNs = process.hrtime.bigint();
    } catch (error) {
      onGap({ fromNs: goodNs, toNs: process.hrtime.bigint(), why: String(error) });
    }
  }
}

async function look(name: string, spec: ImdsCallsProbe, context: ProbeContext): Promise<void> {
  const { cluster, namespace, observe, clock } = context;
  const [mocks, pods] = await Promise.all([readMocks(cluster), runningPods(context, spec.selector)]);
  const t = clock.now();
  const callers = mocks.flatMap(({ counts }) => Object.entries(counts.byCaller));
  const calls = pods.map(({ name: pod }) => {
    const own = callers.filter(([caller]) => caller === `${namespace}/${pod}`).map(([, byCall]) => byCall);
    return [pod, Object.assign({}, ...own) as Record<string, number>] as const;
  });
  observe({ t, probe: name, type: "imds-calls", calls: Object.fromEntries(calls) });
  if (spec.figuresPort === undefined) return;
  const port = spec.figuresPort;
  const spent = await Promise.all(
    pods.map(async (pod) => {
      const { body } = await cluster.kube.podHttp(
        { namespace, name: pod.name, port },
        { method: "GET", path: "/figures" },
      );
      return [pod.name, JSON.parse(body)] as const;
    }),
  );
  observe({ t: clock.now(), probe: name, type: "time-spent", spent: Object.fromEntries(spent) });
}

async function askOnce(name: string, { cluster, observe, clock }: ProbeContext): Promise<void> {
  for (const { node, rounds } of await askCanaries(cluster, CANARY)) {
    observe({ t: clock.now(), probe: name, type: "imds-asked", node, ...metBy(rounds) });
  }
}

/** Calls that were answered, and the least that any credentials had left. Pure. */
export function metBy(rounds: readonly Round[]): {
  readonly callsMs: readonly number[];
  readonly leftMs: number | null;
} {
  const calls = rounds.flatMap(({ token, role, credentials }) => [
    token,
    role,
    ...(credentials === null ? [] : [credentials]),
  ]);
  const left = rounds.flatMap(({ remainingMs }) => (remainingMs === null ? [] : [remainingMs]));
  return {
    callsMs: calls.filter(({ status }) => status > 0).map(({ ms }) => ms),
    leftMs: left.length === 0 ? null : Math.min(...left),
  };
}
