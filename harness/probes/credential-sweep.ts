/**
 * Which client asks the metadata service at each request, and from what age of its credentials on: found by handing out
 * credentials of many ages. The ages are a change that the mocks hold for as long as a lease, so that nothing is left of
 * it whatever becomes of this process.
 */
import { holdChange, readMocks, releaseChange } from "../cluster/imds/mocks.ts";
import { formatMs, toMs } from "../define/duration.ts";
import type { CredentialSweepProbe } from "../types.ts";
import { type Client, runningPods } from "./clients.ts";
import type { Probe, ProbeContext } from "./probe.ts";

/** Longer than a cell takes whose client asks each time. */
const LEASE_MS = 60_000;
/** STS gives no session a shorter life. */
const SHORTEST_LIFETIME_MS = 900_000;
const NOTHING = { stop: async () => undefined };

export const credentialSweep: Probe<CredentialSweepProbe> = {
  kind: "credential-sweep",

  async start(name, spec, context) {
    const clients = await runningPods(context, spec.selector);
    if (clients.length === 0) return NOTHING;
    const id = `sweep-${context.namespace}`;
    try {
      for (const remaining of spec.remaining) await sweep(name, id, toMs(remaining), clients, spec, context);
    } finally {
      await releaseChange(context.cluster, id);
    }
    return NOTHING;
  },
};

/** All clients side by side: the mocks count for each by itself. */
async function sweep(
  name: string,
  id: string,
  remainingMs: number,
  clients: readonly Client[],
  { port, concurrency, requests }: CredentialSweepProbe,
  context: ProbeContext,
): Promise<void> {
  const { cluster, observe, clock, log } = context;
  log(`sweep: ${clients.length} clients take credentials with ${formatMs(remainingMs)} left`);
  const lifetimeMs = Math.max(remainingMs, SHORTEST_LIFETIME_MS);
  const change = { credentials: { lifetimeMs, refreshBeforeMs: 0, remainingMs } };
  await holdChange(cluster, id, change, LEASE_MS);
  await Promise.all(clients.map(async (client) => post(client, port, "/prime", context)));
  for (const sideBySide of concurrency) {
    await holdChange(cluster, id, change, LEASE_MS);
    const before = await callsOf(clients, context);
    const answers = await Promise.all(
      clients.map(async (client) => post(client, port, `/calls/${requests}/${sideBySide}`, context)),
    );
    const after = await callsOf(clients, context);
    for (const [i, { name: pod, labels }] of clients.entries()) {
      observe({
        ...{ t: clock.now(), probe: name, type: "swept", client: labels.sdk ?? pod, remainingMs },
        ...{ concurrency: sideBySide, requests, failed: answers[i]?.failed ?? requests, tookMs: answers[i]?.ms ?? 0 },
        calls: difference(before.get(pod) ?? {}, after.get(pod) ?? {}),
      });
    }
  }
}

type Calls = Readonly<Record<string, number>>;

async function callsOf(
  clients: readonly Client[],
  { cluster, namespace }: ProbeContext,
): Promise<ReadonlyMap<string, Calls>> {
  const callers = (await readMocks(cluster)).flatMap(({ counts }) => Object.entries(counts.byCaller));
  return new Map(
    clients.map(({ name }) => [name, callers.find(([caller]) => caller === `${namespace}/${name}`)?.[1] ?? {}]),
  );
}

/** What came since, by kind of call; kinds that did not are left out. Pure. */
export function difference(before: Calls, after: Calls): Calls {
  const rows = Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  return Object.fromEntries(rows.filter(([, count]) => count > 0));
}

async function post(client: Client, port: number, path: string, { cluster, namespace }: ProbeContext) {
  const { body } = await cluster.kube.podHttp({ namespace, name: client.name, port }, { method: "POST", path });
  return JSON.parse(body) as { readonly failed: number; readonly ms?: number };
}
