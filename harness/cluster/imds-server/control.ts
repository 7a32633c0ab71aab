/** The port by which the harness lays changes over the mock, and reads what is in force and what was counted. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Counter, Counts } from "./counts.ts";
import type { Held, InForce } from "./in-force.ts";
import type { PodDirectory } from "./roles.ts";
import { changeOf, type Settings } from "./settings.ts";

export interface MockStatus {
  readonly node: string;
  /** The mock listens at its address. */
  readonly listening: boolean;
  /** Pods that the watch knows; null: it has not delivered its first list. */
  readonly pods: number | null;
  readonly settings: Settings;
  /** Of the settings' object; null: none was seen. */
  readonly settingsVersion: string | null;
  /** What the settings' object holds that the mock cannot do; null: nothing. */
  readonly settingsProblem: string | null;
  readonly held: readonly (Omit<Held, "untilMs"> & { readonly leaseLeftMs: number })[];
  readonly counts: Counts;
}
export interface ControlOptions {
  readonly inForce: InForce;
  readonly counter: Counter;
  readonly pods: PodDirectory;
  readonly facts: () => Pick<MockStatus, "node" | "listening" | "settingsProblem"> & { readonly podsKnown: boolean };
}

/** `GET /status`, `PUT /held/<id> {"change": …, "leaseMs": …}`, `DELETE /held/<id>`; every answer is the status. */
export function controlServer(options: ControlOptions): Server {
  return createServer((incoming, out) => {
    handle(incoming, out, options).catch((error: unknown) => out.writeHead(400).end(`${error}\n`));
  });
}

async function handle(incoming: IncomingMessage, out: ServerResponse, options: ControlOptions): Promise<void> {
  const id = /^\/held\/([a-z0-9-]+)$/.exec(incoming.url ?? "")?.[1];
  if (incoming.method === "PUT" && id !== undefined) {
    const { change, leaseMs } = changeOf(await jsonOf(incoming));
    options.inForce.hold(id, change, leaseMs);
  } else if (incoming.method === "DELETE" && id !== undefined) {
    options.inForce.release(id);
  } else if (incoming.method !== "GET" || incoming.url !== "/status") {
    out.writeHead(404).end();
    return;
  }
  out.setHeader("content-type", "application/json");
  out.end(JSON.stringify(statusOf(options)));
}

function statusOf({ inForce, counter, pods, facts }: ControlOptions): MockStatus {
  const { podsKnown, ...rest } = facts();
  return {
    ...rest,
    pods: podsKnown ? pods.size : null,
    settings: inForce.settings,
    settingsVersion: inForce.version,
    held: inForce.held.map(({ id, change, untilMs }) => ({
      id,
      change,
      leaseLeftMs: Math.round(untilMs - performance.now()),
    })),
    counts: counter.read(),
  };
}

export async function jsonOf(incoming: IncomingMessage): Promise<unknown> {
  incoming.setEncoding("utf8");
  let body = "";
  for await (const chunk of incoming) body += chunk;
  return JSON.parse(body);
}
