/** Asks the metadata service for the credentials of the pod's role, as an SDK does: the role's name, then its keys. */
import { get as httpGet } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "./settings.ts";

export interface Answer {
  /** null: no credentials were given. */
  readonly role: string | null;
  /** Of the last answer; 0: none came. */
  readonly status: number;
  /** Why none came, or what was wrong with it; "" otherwise. */
  readonly error: string;
  readonly attempts: number;
}

const PATH = "/latest/meta-data/iam/security-credentials/";
const LONGEST_PAUSE_MS = 5_000;

export async function credentials(settings: Settings): Promise<Answer> {
  let pauseMs = settings.backoffMs;
  for (let attempts = 1; ; attempts += 1) {
    const answer = { ...(await attempt(settings)), attempts };
    if (answer.role !== null || attempts >= settings.attempts) return answer;
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

async function attempt({ url, timeoutMs }: Settings): Promise<Omit<Answer, "attempts">> {
  const signal = AbortSignal.timeout(timeoutMs);
  const get = async (path: string) => answerOf(`${url}${path}`, signal);
  try {
    const named = await get(PATH);
    if (named.status !== 200) return { role: null, status: named.status, error: "" };
    const role = named.body.trim();
    const keys = await get(`${PATH}${role}`);
    if (keys.status !== 200) return { role: null, status: keys.status, error: "" };
    const isKey = /^ASIA[A-Z0-9]{16}$/.test(String(JSON.parse(keys.body).AccessKeyId));
    return isKey ? { role, status: 200, error: "" } : { role: null, status: 200, error: "no access key" };
  } catch (error) {
    return { role: null, status: 0, error: signal.aborted ? "timeout" : codeOf(error) };
  }
}

/** `fetch` takes three times as long to be there, and many builders begin at once. */
function answerOf(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpGet(url, { signal }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        body += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", reject);
    });
    request.on("error", reject);
  });
}

function codeOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return code ?? message ?? String(error);
}
