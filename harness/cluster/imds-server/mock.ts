/**
 * The instance metadata service on HTTP, as far as credentials need it: IMDSv1 and v2, the role and its credentials,
 * the identity document, a few plain paths. Answers like the service; with `roles: "pod"` like kube2iam in front of it.
 */
import { randomInt } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Counter } from "./counts.ts";
import { CredentialCache, credentialsDocument } from "./credentials.ts";
import { type Instance, iamInfo, identityDocument, listing, metadataPaths } from "./documents.ts";
import type { InForce } from "./in-force.ts";
import { lookUp, type PodDirectory } from "./roles.ts";
import { type Call, concerns } from "./settings.ts";
import { TOKEN_HEADER, Tokens, TTL_HEADER } from "./tokens.ts";

export interface MockOptions {
  readonly inForce: InForce;
  readonly counter: Counter;
  readonly pods: PodDirectory;
  readonly instance: Instance;
  /** Source addresses without a hop between them and the service: the node's own. */
  readonly isNear: (ip: string) => boolean;
  /** Numbers from 0 to 1, for shares of errors and for the back-off; default: of the system. */
  readonly random?: () => number;
}

type Answer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The caller waits until it gives up. */
  | "none";

const TOKEN_PATH = "api/token";
const IAM = "meta-data/iam";
const CREDENTIALS = `${IAM}/security-credentials`;
const IDENTITY = "dynamic/instance-identity/document";
/** Hops from a pod with a network of its own: its node stands between. */
const HOPS_OF_A_POD = 2;

/** The server, not listening yet. Its connections are ended with `dropClients`. */
export function metadataMock(options: MockOptions): { readonly server: Server; readonly dropClients: () => void } {
  const { counter, inForce, pods } = options;
  const sockets = new Set<Socket>();
  const next = options.random ?? (() => randomInt(2 ** 32) / 2 ** 32);
  const respond = router(options, next);
  const server = createServer((incoming, out) => {
    const ip = callerOf(incoming);
    const path = pathOf(incoming);
    const call = callOf(path);
    const pod = pods.at(ip);
    counter.arrived(pod === null ? ip : `${pod.namespace}/${pod.name}`, call, `${incoming.method} /latest/${path}`);
    incoming.resume();
    disturbed(inForce, call, next, () => respond(incoming, ip, path))
      .catch((): Answer => ({ status: 500 }))
      .then((answer) => send(out, answer, counter));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.keepAliveTimeout = 60_000;
  return {
    server,
    dropClients: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

/** What faults do to a call stands before the service itself; what counts is what is in force when it arrives. */
async function disturbed(
  { settings, change }: InForce,
  call: Call,
  next: () => number,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  const { latency, unavailable, errors } = change;
  const lateMs = settings.latencyMs + (latency !== undefined && concerns(latency.calls, call) ? latency.ms : 0);
  if (lateMs > 0) await sleep(lateMs);
  if (unavailable !== undefined && concerns(unavailable.calls, call)) {
    return unavailable.how === "not-found" ? { status: 404 } : "none";
  }
  if (errors !== undefined && concerns(errors.calls, call) && next() < errors.share) {
    return errors.status === 0 ? "none" : { status: errors.status };
  }
  return await answer();
}

function router(options: MockOptions, next: () => number) {
  const { inForce, instance } = options;
  const tokens = new Tokens();
  const credentials = new CredentialCache(inForce);
  const plain = metadataPaths(instance);

  return async (incoming: IncomingMessage, ip: string, path: string): Promise<Answer> => {
    const { settings } = inForce;
    if (path === TOKEN_PATH) return issueToken(incoming, tokens, settings.hopLimit, options.isNear(ip));
    if (incoming.method !== "GET" && incoming.method !== "HEAD")
      return { status: 405, headers: { allow: "GET, HEAD" } };
    const token = incoming.headers[TOKEN_HEADER];
    const secondsLeft = typeof token === "string" ? tokens.secondsLeft(token, performance.now()) : null;
    if (secondsLeft === null && (token !== undefined || settings.tokens === "required")) return { status: 401 };
    const answer = await content(path, ip);
    if (answer === "none" || secondsLeft === null) return answer;
    return { ...answer, headers: { ...answer.headers, [TTL_HEADER]: String(secondsLeft) } };
  };

  async function content(path: string, ip: string): Promise<Answer> {
    if (path === IDENTITY) return { status: 200, body: identityDocument(instance) };
    if (path === IAM || path.startsWith(`${IAM}/`)) return await iam(path, ip);
    const name = path.startsWith("meta-data/") ? path.slice("meta-data/".length) : null;
    const body = name === null ? undefined : plain[name];
    if (body !== undefined) return { status: 200, body };
    const all = [IDENTITY, ...[...Object.keys(plain), "iam/info"].map((one) => `meta-data/${one}`)];
    const list = listing(all, path);
    return list === null ? { status: 404 } : { status: 200, body: list };
  }

  async function iam(path: string, ip: string): Promise<Answer> {
    const { settings } = inForce;
    const role = settings.roles === "node" ? settings.defaultRole : await roleOfPod(ip);
    if (role === null) return { status: 404, body: `unable to find role for IP ${ip}\n` };
    if (path === CREDENTIALS) return { status: 200, body: role };
    if (path === IAM) return { status: 200, body: "info\nsecurity-credentials/" };
    if (path === `${IAM}/info`) return { status: 200, body: iamInfo(role, instance) };
    if (path !== `${CREDENTIALS}/${role}`) {
      return settings.roles === "node" ? { status: 404 } : { status: 403, body: `not the role of ${ip}\n` };
    }
    options.counter.handedOut(role);
    return { status: 200, body: credentialsDocument(role, credentials.get(role, Date.now())) };
  }

  async function roleOfPod(ip: string): Promise<string | null> {
    const found = await lookUp(options.pods, ip, inForce.settings, next);
    options.counter.lookedUp(found);
    return found.pod?.role ?? inForce.settings.defaultRole;
  }
}

function issueToken(incoming: IncomingMessage, tokens: Tokens, hopLimit: number, isNear: boolean): Answer {
  if (incoming.method !== "PUT") return { status: 405, headers: { allow: "OPTIONS, PUT" } };
  if (incoming.headers["x-forwarded-for"] !== undefined) return { status: 403 };
  const issued = tokens.issue(incoming.headers[TTL_HEADER]?.toString(), performance.now());
  if (issued === null) return { status: 400 };
  // The service has it arrive with a time to live that ends on the way.
  if (!isNear && hopLimit < HOPS_OF_A_POD) return "none";
  return { status: 200, body: issued.token, headers: { [TTL_HEADER]: String(issued.ttl) } };
}

function send(out: ServerResponse, answer: Answer, counter: Counter): void {
  if (answer === "none") {
    counter.answered(0);
    return;
  }
  counter.answered(answer.status);
  const { status, headers } = answer;
  const body = answer.body ?? (status === 200 ? "" : errorPage(status));
  out.writeHead(status, {
    "content-type": status === 200 ? "text/plain" : "text/html",
    "content-length": Buffer.byteLength(body),
    server: "EC2ws",
    ...headers,
  });
  out.end(body);
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
};
function errorPage(status: number): string {
  const title = `${status} - ${TITLES[status] ?? "Error"}`;
  return `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
}

const callerOf = (incoming: IncomingMessage): string => (incoming.socket.remoteAddress ?? "").replace(/^::ffff:/, "");

/** Below `/latest/` or a dated version of the interface, without slashes around it. */
function pathOf(incoming: IncomingMessage): string {
  const path = (incoming.url ?? "/").replace(/\?.*$/, "");
  return path.replace(/^\/+(?:latest|\d{4}-\d{2}-\d{2}|1\.0)(?=\/|$)/, "").replace(/^\/+|\/+$/g, "");
}

function callOf(path: string): Call {
  if (path === TOKEN_PATH) return "token";
  if (path === CREDENTIALS) return "role";
  if (path.startsWith(`${CREDENTIALS}/`)) return "credentials";
  return path === IDENTITY ? "identity" : "other";
}
