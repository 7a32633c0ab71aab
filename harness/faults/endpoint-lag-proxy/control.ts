/** The small HTTP port by which the harness sets the lag and asks for counters; and a canary for the data plane. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Lag } from "./lag.ts";
import type { LagProxy } from "./proxy.ts";

export interface ControlOptions {
  readonly name: string;
  readonly lag: Lag;
  /** null: this process is only a canary. */
  readonly proxy: Pick<LagProxy, "status" | "reset"> | null;
}

export const CANARY_HEADER = "x-faultline-canary";

/** `GET /status`, `PUT /lag {"lagMs": …, "leaseMs": …}`, `PUT /reset`; everything else is answered with the canary's name. */
export function controlServer(options: ControlOptions): Server {
  return createServer((incoming, out) => {
    handle(incoming, out, options).catch((error: unknown) => out.writeHead(400).end(`${error}\n`));
  });
}

async function handle(incoming: IncomingMessage, out: ServerResponse, options: ControlOptions): Promise<void> {
  const route = `${incoming.method} ${incoming.url}`;
  const { proxy, lag } = options;
  if (proxy !== null && ["GET /status", "PUT /lag", "PUT /reset"].includes(route)) {
    if (route === "PUT /lag") {
      const { lagMs, leaseMs } = await jsonOf(incoming);
      if (!isDuration(lagMs) || !isDuration(leaseMs)) throw new RangeError("lagMs and leaseMs must be 0 or more");
      lag.set(lagMs, leaseMs);
    }
    if (route === "PUT /reset") proxy.reset();
    out.setHeader("content-type", "application/json");
    out.end(JSON.stringify({ lagMs: lag.ms, ...proxy.status() }));
    return;
  }
  incoming.resume();
  out.writeHead(200, { [CANARY_HEADER]: options.name }).end("canary\n");
}

const isDuration = (value: unknown): value is number => typeof value === "number" && value >= 0;

async function jsonOf(incoming: IncomingMessage): Promise<Record<string, unknown>> {
  incoming.setEncoding("utf8");
  let body = "";
  for await (const chunk of incoming) body += chunk;
  return JSON.parse(body);
}
