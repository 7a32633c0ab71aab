/**
 * How a service answers its clients: curl, in the network namespace of a pod that is none of the targets, asks each
 * target at its own address; beside it the same from that pod's node, which is spared unless the spec says otherwise.
 */
import type { KubeObject } from "../../cluster/kube.ts";
import { LABEL_FAULT } from "../../cluster/labels.ts";
import { FaultlineError } from "../../errors.ts";
import { lookFromPods } from "../agent/in-pods.ts";
import type { FaultContext } from "../fault.ts";
import { isServing, isTerminating } from "../pods/pod.ts";
import { type PodTarget, podTarget } from "../targets.ts";
import type { Canary } from "./spec.ts";

interface HttpAnswer {
  /** curl's own: 0 answered, 7 refused, 28 nothing came in time, 52 and 56 ended or reset. */
  readonly exit: number;
  /** 0: no answer. */
  readonly status: number;
  /** From the beginning of the connection to the first byte of the answer, or to the end of it all. */
  readonly ms: number;
}
export interface HttpReading {
  readonly pod: string;
  readonly answers: readonly HttpAnswer[];
  /** Asked from the node. */
  readonly control: readonly HttpAnswer[];
  /** It takes TLS at that port; null where that was not asked. */
  readonly isTls: boolean | null;
}
export interface HttpQuestion {
  readonly canary: Canary;
  readonly port: number;
  readonly times: number;
  /** So many at a time of each pod: more would measure each other. */
  readonly atOnce: number;
  /** How long an answer is waited for. */
  readonly waitMs: number;
  /** One that begins or fails says nothing; but the fault itself may be why it is not ready. */
  readonly readyOnly: boolean;
  readonly asksTls?: boolean;
}

const CONTROL_TIMES = 20;
/** Where canaries come from: any pod of the cluster may be gone by the time it is asked from. */
const TRIES = 3;

/**
 * Readings of the pods that are still there, and serve.
 * @throws FaultlineError `fault` when there is no pod beside them that could ask.
 */
export async function askPods(
  context: FaultContext,
  targets: readonly PodTarget[],
  question: HttpQuestion,
): Promise<readonly HttpReading[]> {
  const pods = await context.cluster.kube.list({ apiVersion: "v1", kind: "Pod" });
  const serves = question.readyOnly ? isServing : (pod: KubeObject) => !isTerminating(pod);
  const uids = new Set(pods.filter(serves).map(({ metadata }) => metadata.uid));
  const there = targets.filter(({ uid }) => uids.has(uid));
  if (there.length === 0) return [];
  const ofTargets = new Set(there.map(({ uid }) => uid));
  const askers = pods
    .filter(
      (pod) => isServing(pod) && pod.spec.hostNetwork !== true && pod.metadata.labels?.[LABEL_FAULT] === undefined,
    )
    .map(podTarget)
    .filter(({ uid }) => !ofTargets.has(uid))
    .sort((a, b) => Number(isSystem(b)) - Number(isSystem(a)) || a.name.localeCompare(b.name));
  for (const asker of askers.slice(0, TRIES)) {
    const lines = await lookFromPods(context, [asker], ([here]) =>
      scriptFor(here?.network.path ?? "", there, question),
    );
    if (lines.length > 0) return lines.map(readingOf);
  }
  throw new FaultlineError("fault", "there is no pod beside the targets that requests could be sent from");
}

/** They are there on every cluster, and last as long as it does. */
const isSystem = ({ namespace }: PodTarget) => namespace === "kube-system";

const CURL = "curl --silent --http1.1 --connect-timeout 5 --output /dev/null";
const WRITE = "%{exitcode},%{http_code},%{time_starttransfer},%{time_total};";

function scriptFor(netns: string, targets: readonly PodTarget[], question: HttpQuestion): string {
  const { canary, port, times, atOnce, waitMs, asksTls = false } = question;
  const method = canary.method === "HEAD" ? "--head" : `--request ${canary.method}`;
  // One connection for each: a reset on one that was used before would be tried again by curl itself.
  const options = `${method} --header 'Connection: close' --max-time ${(waitMs / 1_000).toFixed(1)} --write-out '${WRITE}'`;
  const tls = asksTls
    ? `${CURL} --insecure --max-time 5 "https://$2:${port}/" && echo tls || echo plain`
    : "echo unknown";
  // What differs in the URLs is not sent.
  return `ask() { ${CURL} --parallel --parallel-immediate --parallel-max ${atOnce} ${options} "http://$1:${port}${canary.path}#[1-$2]"; }
look() {
  local answers control
  answers=$(nsenter --net=${netns} bash -c "$(declare -f ask); ask $2 ${times}")
  control=$(ask "$2" ${Math.min(times, CONTROL_TIMES)})
  echo "$1 $(tls "$@") $answers $control"
}
tls() { ${tls}; }
${targets.map(({ name, ip }) => `look ${name} ${ip} &`).join("\n")}
wait`;
}

/** A line that the script printed. Pure. */
export function readingOf(line: string): HttpReading {
  const [pod = "", tls, answers = "", control = ""] = line.split(" ");
  return {
    pod,
    isTls: tls === "unknown" ? null : tls === "tls",
    answers: answersOf(answers),
    control: answersOf(control),
  };
}

const answersOf = (text: string): readonly HttpAnswer[] =>
  text
    .split(";")
    .filter((one) => one !== "")
    .map((one) => {
      const [exit = 0, status = 0, first = 0, total = 0] = one.split(",").map(Number);
      return { exit, status, ms: (status === 0 ? total : first) * 1_000 };
    });
