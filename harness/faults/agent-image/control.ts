/** The small HTTP port by which the harness sets what a role does and asks for counters; and a canary for the data plane. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** What one process does beside being a canary. */
export interface Role {
  /** @throws when these are no settings of this role. */
  set(settings: unknown, leaseMs: number): void;
  status(): object;
  /** Lets its clients go, and takes no more. */
  reset(): void;
}

export const CANARY_HEADER = "x-faultline-canary";
const ROUTES = ["GET /status", "PUT /settings", "PUT /reset"];

/**
 * `GET /status`, `PUT /settings {"settings": …, "leaseMs": …}`, `PUT /reset`; everything else is answered with the
 * canary's name.
 * @param role null: this process is only a canary.
 */
export function controlServer({ name, role }: { readonly name: string; readonly role: Role | null }): Server {
  return createServer((incoming, out) => {
    handle(incoming, out, name, role).catch((error: unknown) => out.writeHead(400).end(`${error}\n`));
  });
}

async function handle(incoming: IncomingMessage, out: ServerResponse, name: string, role: Role | null): Promise<void> {
  const route = `${incoming.method} ${incoming.url}`;
  if (role !== null && ROUTES.includes(route)) {
    if (route === "PUT /settings") {
      const { settings, leaseMs } = await jsonOf(incoming);
      if (!isDuration(leaseMs)) throw new RangeError("leaseMs must be 0 or more");
      role.set(settings, leaseMs);
    }
    if (route === "PUT /reset") role.reset();
    out.setHeader("content-type", "application/json");
    out.end(JSON.stringify(role.status()));
    return;
  }
  incoming.resume();
  out.writeHead(200, { [CANARY_HEADER]: name }).end("canary\n");
}

/** Milliseconds. */
export const isDuration = (value: unknown): value is number => typeof value === "number" && value >= 0;

async function jsonOf(incoming: IncomingMessage): Promise<Record<string, unknown>> {
  incoming.setEncoding("utf8");
  let body = "";
  for await (const chunk of incoming) body += chunk;
  return JSON.parse(body);
}
