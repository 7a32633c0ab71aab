/** The API server's refusals as errors of ours: its own words, the call, and what to do. */
import { FaultlineError } from "../../errors.ts";
import type { Answer } from "./transport.ts";

interface Status {
  readonly kind: "Status";
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** A `Status` object in a body, or null. */
export function statusOf(body: string): Status | null {
  if (!body.startsWith("{")) return null;
  try {
    const value = JSON.parse(body) as Partial<Status>;
    return value.kind === "Status" ? (value as Status) : null;
  } catch {
    return null;
  }
}

const FIXES: Readonly<Record<number, string>> = {
  401: "The kubeconfig's credentials are not accepted; create the cluster anew or refresh the kubeconfig.",
  403: "The kubeconfig's user may not do this; use a user with cluster-admin rights.",
  409: "Something changed the object at the same time, or it exists already; try again.",
  422: "Put the named field right in the manifest.",
};

/** @throws never; makes the error for an answer that is none of 2xx. */
export function refused(method: string, path: string, answer: Pick<Answer, "status" | "body">): FaultlineError {
  const status = statusOf(answer.body);
  const said = status?.message ?? answer.body.trim().slice(0, 500);
  const fix = FIXES[answer.status];
  return new FaultlineError("cluster", `${method} ${path}: ${answer.status} ${said === "" ? "(no text)" : said}`, {
    ...(fix === undefined ? {} : { fix }),
    context: { method, path, status: answer.status, reason: status?.reason ?? null },
  });
}
