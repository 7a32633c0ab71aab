/** The kubelet's limit of its own calls to the API server: what it takes in fact. */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:https";
import type { Limits } from "../../cluster/kubelet-facts.ts";
import { KUBELET_PORT } from "../../cluster/kubelet-port.ts";
import { FaultlineError } from "../../errors.ts";
import type { KubeletNode } from "./nodes.ts";

/** How much longer than the burst a measurement lasts. Seconds. */
const LOOK_S = 1.5;
/** Calls behind a long queue are not waited for: that they take this long is the answer. Milliseconds. */
const LONGEST_MS = 10_000;

/** How many calls are made to measure a limit: the burst, and some more, which must wait. */
export const callsFor = ({ qps, burst }: Limits): number => burst + Math.max(2, Math.ceil(LOOK_S * qps));
/** How long that many take under the limit, when nobody else calls. Milliseconds. */
export const expectedMs = (limits: Limits): number => ((callsFor(limits) - limits.burst) / limits.qps) * 1_000;

/**
 * Makes the kubelet call the API server a number of times, and takes the time until the last call is through: each
 * request comes with a token that it has never seen and has to ask about (TokenReview), by the client whose limit this is.
 * @returns milliseconds, at most 10 s. @throws FaultlineError `fault` when it did not ask: it lets anybody in, or does not answer.
 */
export async function timeCalls({ address, name }: KubeletNode, calls: number): Promise<number> {
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: false });
  const began = performance.now();
  const signal = AbortSignal.timeout(LONGEST_MS);
  const statuses = await Promise.all(
    Array.from({ length: calls }, async () => askWithUnknownToken(agent, address, signal)),
  );
  const wrong = statuses.filter((status) => status !== 401 && status !== null);
  if (wrong.length === 0) return performance.now() - began;
  throw new FaultlineError("fault", `the kubelet of ${name} answered ${wrong[0]} where it should ask about a token`);
}

/** null: no answer before the signal. */
async function askWithUnknownToken(agent: Agent, host: string, signal: AbortSignal): Promise<number | null> {
  return await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer faultline-${randomUUID()}` };
    const call = request({ agent, host, port: KUBELET_PORT, path: "/healthz", headers, signal }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
    });
    call.once("error", (error) => (signal.aborted ? resolve(null) : reject(error)));
    call.end();
  });
}
