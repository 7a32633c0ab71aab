/** How the API server answers where a client is: curl, in the pod's network namespace, with the cluster's CA. */
import { SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { lookFromPods } from "../agent/in-pods.ts";
import type { Target } from "../agent/pod-network.ts";
import type { Address } from "../agent/rules.ts";
import type { ApiMode } from "../agent-image/api-settings.ts";
import type { FaultContext } from "../fault.ts";
import type { Finding } from "../node/findings.ts";

export interface ApiReading {
  readonly pod: string;
  /** curl's own: 0 answered, 7 refused, 28 nothing came in time, 35 and 56 reset. */
  readonly exit: number;
  /** 0: no answer. */
  readonly status: number;
  /** From the request to the first byte of the answer, the quickest of some, or to where curl gave up; milliseconds. */
  readonly ms: number;
  /** What a watch of an object that exists delivered; null where it was not opened. */
  readonly watch: { readonly status: number; readonly bytes: number } | null;
}
export interface ApiQuestion {
  readonly address: Address;
  /** How long an answer is waited for. */
  readonly waitMs: number;
  /** Opens a watch, with this bearer token. */
  readonly watchToken?: string;
}

/** Everybody may ask for it, and it costs the API server nothing. */
const PLAIN = "/version";
/** Every namespace has it; a watch that is told no version begins with it. */
export const WATCHED = { kind: "configmaps", name: "kube-root-ca.crt" } as const;
const WATCH = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/${WATCHED.kind}?watch=true&fieldSelector=metadata.name%3D${WATCHED.name}`;
const CA = "/etc/kubernetes/pki/ca.crt";
const TIMES = 3;
const CURL_TIMEOUT = 28;
const CURL_REFUSED = 7;

/** Readings of the pods that are still there. */
export async function askFromPods(
  context: FaultContext,
  pods: readonly Target[],
  { address, waitMs, watchToken }: ApiQuestion,
): Promise<readonly ApiReading[]> {
  const seconds = (waitMs / 1_000).toFixed(1);
  const lines = await lookFromPods(context, pods, (here) => {
    const looks = here.map(({ name, network }) => `echo "${name} $(plain ${network.path}) $(watch ${network.path})" &`);
    return `ask() { nsenter --net="$1" curl --silent --output /dev/null --cacert ${CA} --max-time "$2" "\${@:3}"; }
plain() {
  local told best=
  for _ in $(seq ${TIMES}); do
    told=$(ask "$1" ${seconds} --write-out '%{exitcode} %{http_code} %{time_pretransfer} %{time_starttransfer} %{time_total}' https://${address}${PLAIN})
    best+="$told;"
  done
  echo "\${best// /,}"
}
watch() {
  ${watchToken === undefined ? "echo none; return" : ""}
  ask "$1" 3 --write-out '%{http_code},%{size_download}' 'https://${address}${WATCH}' \\
    --header @<(echo 'Authorization: Bearer ${watchToken ?? ""}')
}
${looks.join("\n")}
wait`;
  });
  return lines.map(apiReadingOf);
}

/** A line that the script printed. Pure. */
export function apiReadingOf(line: string): ApiReading {
  const [pod = "", plain = "", watch = "none"] = line.split(" ");
  const tries = plain
    .split(";")
    .filter((one) => one !== "")
    .map((one) => {
      const [exit = 0, status = 0, sent = 0, first = 0, total = 0] = one.split(",").map(Number);
      return { exit, status, ms: Math.round((status === 0 ? total : first - sent) * 1_000) };
    });
  const best = tries.sort((a, b) => a.ms - b.ms)[0] ?? { exit: -1, status: 0, ms: 0 };
  const [status = 0, bytes = 0] = watch.split(",").map(Number);
  return { pod, ...best, watch: watch === "none" ? null : { status, bytes } };
}

export type ApiEffect = ApiMode | "refused" | "silent";

/** Beyond the latency: a busy machine. Milliseconds. */
const TOLERANCE_MS = 3_000;
const NEARLY = 0.95;

/** Pure. */
export function apiFindingOf(reading: ApiReading, effect: ApiEffect, latencyMs: number, waitMs: number): Finding {
  const { status, exit, ms, watch } = reading;
  const answered = status > 0 && status !== 503;
  const checks: Readonly<Record<ApiEffect, boolean>> = {
    pass: false,
    "endpoints-late": false,
    late: answered && ms >= NEARLY * latencyMs && ms <= latencyMs + TOLERANCE_MS,
    unavailable: status === 503,
    refused: exit === CURL_REFUSED,
    silent: exit === CURL_TIMEOUT && ms >= NEARLY * waitMs,
    "watches-stalled": answered && watch?.status === 200 && watch.bytes === 0,
  };
  const what = status > 0 ? `HTTP ${status}` : `curl's code ${exit}`;
  const watched =
    watch === null ? "" : `; a watch was answered with HTTP ${watch.status} and told ${watch.bytes} bytes`;
  return {
    name: reading.pod,
    inEffect: checks[effect],
    saw: `the API server's answer was ${what} after ${ms} ms${watched}`,
    values: {
      status,
      curlExit: exit,
      measuredMs: ms,
      ...(watch === null ? {} : { watchStatus: watch.status, watchBytes: watch.bytes }),
    },
  };
}
