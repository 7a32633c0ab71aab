/** Asks the metadata service as any pod does, and says what it got: the other path by which an effect is measured. */
import { createServer, request, type Server } from "node:http";
import { jsonOf } from "./control.ts";
import { TOKEN_HEADER, TTL_HEADER } from "./tokens.ts";

export interface Ask {
  /** Each asks for a token, the role and its credentials, one after the other. */
  readonly rounds: number;
  /** Of each call. */
  readonly timeoutMs: number;
}
export interface Asked {
  /** 0: no answer. */
  readonly status: number;
  readonly ms: number;
  /** `timeout`, or the error's code; empty where there was an answer. */
  readonly error: string;
}
export interface Round {
  readonly token: Asked;
  readonly role: Asked;
  /** null: there was no role to ask for. */
  readonly credentials: Asked | null;
  readonly roleName: string | null;
  readonly accessKeyId: string | null;
  /** When the credentials end, less now; null: none were given. */
  readonly remainingMs: number | null;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

const MAX_ROUNDS = 1_000;
/** Rounds side by side. */
const SIDE_BY_SIDE = 20;

/** `PUT /ask {"rounds": …, "timeoutMs": …}`; anything else is answered with 204. */
export function canaryServer(target: Target): Server {
  return createServer((incoming, out) => {
    const answer = async () => {
      if (`${incoming.method} ${incoming.url}` !== "PUT /ask") return out.writeHead(204).end();
      const { rounds, timeoutMs } = (await jsonOf(incoming)) as Ask;
      if (!(rounds >= 1 && rounds <= MAX_ROUNDS && timeoutMs >= 1)) throw new RangeError("rounds and timeoutMs");
      const results = await ask(target, rounds, timeoutMs);
      return out.setHeader("content-type", "application/json").end(JSON.stringify(results));
    };
    answer().catch((error: unknown) => out.writeHead(400).end(`${error}\n`));
  });
}

async function ask(target: Target, rounds: number, timeoutMs: number): Promise<readonly Round[]> {
  const results: Round[] = [];
  let begun = 0;
  const worker = async () => {
    while (begun < rounds) {
      begun += 1;
      results.push(await round(target, timeoutMs));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return results;
}

/** The role that was named last: credentials can then be asked for where the role's name is not to be had. */
let lastRole: string | null = null;

async function round(target: Target, timeoutMs: number): Promise<Round> {
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) =>
    call(target, { method, path: `/latest/${path}`, headers, timeoutMs });
  const token = await ask("PUT", "api/token", { [TTL_HEADER]: "60" });
  const headers: Record<string, string> = token.status === 200 ? { [TOKEN_HEADER]: token.body } : {};
  const role = await ask("GET", "meta-data/iam/security-credentials/", headers);
  if (role.status === 200) lastRole = role.body;
  const credentials =
    lastRole === null ? null : await ask("GET", `meta-data/iam/security-credentials/${lastRole}`, headers);
  const given = credentials?.status === 200 ? JSON.parse(credentials.body) : null;
  return {
    token: asked(token),
    role: asked(role),
    credentials: credentials === null ? null : asked(credentials),
    roleName: role.status === 200 ? role.body : null,
    accessKeyId: given?.AccessKeyId ?? null,
    remainingMs: given === null ? null : Date.parse(given.Expiration) - Date.now(),
  };
}

type Got = Asked & { readonly body: string };
const asked = ({ status, ms, error }: Got): Asked => ({ status, ms: Math.round(ms * 10) / 10, error });

interface CallOptions {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}
/** A connection of its own: nothing that an earlier call left open can answer. */
function call(target: Target, { timeoutMs, ...options }: CallOptions): Promise<Got> {
  const begin = performance.now();
  return new Promise((resolve) => {
    let body = "";
    const done = (status: number, error: string) => {
      clearTimeout(timer);
      resolve({ status, ms: performance.now() - begin, error, body });
    };
    const sent = request({ ...target, ...options, agent: false }, (answer) => {
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        body += chunk;
      });
      answer.on("end", () => done(answer.statusCode ?? 0, ""));
      answer.on("error", (error: NodeJS.ErrnoException) => done(0, error.code ?? error.message));
    });
    const timer = setTimeout(() => {
      done(0, "timeout");
      sent.destroy();
    }, timeoutMs);
    sent.on("error", (error: NodeJS.ErrnoException) => done(0, error.code ?? error.message));
    sent.end();
  });
}
