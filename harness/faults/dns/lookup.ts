/**
 * How names are answered where a pod asks: programs of the node run in the pod's network namespace, with the pod's
 * resolv.conf. `getent` is the system's own resolver (getaddrinfo of glibc), as applications use it; a bare query beside
 * it tells the code of the answer, which resolvers keep to themselves.
 */

import { lookFromPods, type PodPlace } from "../agent/in-pods.ts";
import type { Target } from "../agent/pod-network.ts";
import { queryFor } from "../agent-image/dns-message.ts";
import type { FaultContext } from "../fault.ts";

export interface LookupPlan {
  /** Address of the cluster's DNS. */
  readonly server: string;
  readonly hit: string;
  readonly control: string | null;
  /** How often each name is looked up; the quickest counts, so that a busy machine is not taken for a slow answer. */
  readonly times: number;
  /** How long the resolver waits for one try, and it makes one. */
  readonly tryMs: number;
}

interface Lookup {
  readonly answered: boolean;
  readonly ms: number;
}
export interface Reading {
  readonly pod: string;
  readonly hit: Lookup;
  /** null where every name is hit. */
  readonly control: Lookup | null;
  /** Of the answer to a bare query for the name that is hit; null: no answer came. */
  readonly rcode: number | null;
  /** The pod asks the cluster's DNS at all. */
  readonly asksCluster: boolean;
}

/** Readings of the pods that are still there. */
export async function lookUp(
  context: FaultContext,
  pods: readonly Target[],
  plan: LookupPlan,
): Promise<readonly Reading[]> {
  return (await lookFromPods(context, pods, (here) => scriptFor(here, plan))).map(readingOf);
}

function scriptFor(pods: readonly PodPlace[], { server, hit, control, times, tryMs }: LookupPlan): string {
  const query = [...queryFor(hit, 0x464c)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const seconds = Math.ceil(tryMs / 1_000);
  const looks = pods.map(({ name, network }) => `look ${name} ${network.path} ${network.resolvConf} &`);
  return `export RES_OPTIONS="timeout:${seconds} attempts:1"
# Prints whether one of the lookups was answered, and the milliseconds of the quickest. A final dot: no search list.
app() {
  local answered=failed least=999999 began ms
  for _ in $(seq ${times}); do
    began=\${EPOCHREALTIME/[.,]/}
    timeout ${seconds * 2 + 5} nsenter --net="$1" unshare --mount \\
      sh -c 'mount --bind "$1" /etc/resolv.conf && exec getent ahosts "$2"' - "$2" "$3." > /dev/null 2>&1 && answered=ok
    ms=$(((\${EPOCHREALTIME/[.,]/} - began) / 1000))
    ((ms >= least)) || least=$ms
  done
  echo "$answered $least"
}
# Prints the answer's first four bytes. dd sends one datagram; printf would send one for each line.
bare() {
  timeout ${seconds} nsenter --net="$1" bash -c '
    exec 3<> /dev/udp/${server}/53
    printf %b "$1" | dd bs=512 iflag=fullblock status=none >&3
    dd bs=512 count=1 status=none <&3 | od -An -tu1 -N4' - '${query}' 2> /dev/null | tr -s ' \\n' ,
}
look() {
  local asks=no
  ! grep -qE '^nameserver ${server}\\s*$' "$3" || asks=yes
  echo "$1 $asks $(app "$2" "$3" ${hit}) ${control === null ? "none 0" : `$(app "$2" "$3" ${control})`} bytes:$(bare "$2")"
}
${looks.join("\n")}
wait`;
}

/** A line that the script printed. Pure. */
export function readingOf(line: string): Reading {
  const [pod = "", asks, hit, hitMs, control, controlMs, bytes = ""] = line.split(" ");
  const numbers = bytes
    .replace("bytes:", "")
    .split(",")
    .filter((one) => one !== "");
  return {
    pod,
    asksCluster: asks === "yes",
    hit: { answered: hit === "ok", ms: Number(hitMs) },
    control: control === "none" ? null : { answered: control === "ok", ms: Number(controlMs) },
    rcode: numbers.length === 4 ? Number(numbers[3]) & 15 : null,
  };
}
