/**
 * Packets that wait in user space: an iptables rule hands them to a kernel queue, and a small program on the node lets
 * each go when its time has come. It works on every kernel with nfnetlink_queue, chooses by peer and direction, and is
 * passed by as soon as the program is gone. netem delays whatever leaves an interface, needs a class of its own for
 * each peer and another interface for each way in, and is missing in many kernels; tbf has no choice of peers at all.
 */
import { readFileSync } from "node:fs";

export interface QueueSettings {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** 0: as many as come. */
  readonly bytesPerS: number;
  /** A packet that would wait longer for the rate is dropped. */
  readonly backlogMs: number;
  /** Each address on the node has a rate of its own, or all have one together. */
  readonly byAddress: boolean;
}

export const QUEUE_METHOD = "held back in a queue in user space";
const PROGRAM = readFileSync(new URL("./queue.pl", import.meta.url), "utf8");

/** Faults on one node have queues of their own, by the digits of their ids: an even number and the next. */
const queueNumber = (id: string): number => 2 + 2 * (Number.parseInt(id.slice(-10), 16) % 32_000);

/** Without the program, packets pass. */
export function queueActions(id: string): { readonly to: readonly string[]; readonly from: readonly string[] } {
  const action = (queue: number) => [`-j NFQUEUE --queue-num ${queue} --queue-bypass`];
  return { to: action(queueNumber(id)), from: action(queueNumber(id) + 1) };
}

/** bash for `startOnNode`: the queue listens when this is through. */
export function queueUnit(id: string, { delayMs, jitterMs, bytesPerS, backlogMs, byAddress }: QueueSettings): string {
  const micros = [delayMs, jitterMs].map((ms) => Math.round(ms * 1_000));
  const values = [
    queueNumber(id),
    ...micros,
    Math.round(bytesPerS),
    Math.round(backlogMs * 1_000),
    Number(byAddress),
  ].join(" ");
  return `cat > "$DIR/queue.pl" <<'FAULTLINE-QUEUE'
${PROGRAM}FAULTLINE-QUEUE
systemctl is-active --quiet "$ID-queue" || systemd-run --quiet --collect --unit="$ID-queue" --property=Nice=-15 \\
  --property=CPUWeight=10000 --property=Restart=on-failure perl "$DIR/queue.pl" ${values}
for ((tries = 0; ; tries++)); do
  grep -qE '^ *${queueNumber(id) + 1} ' /proc/net/netfilter/nfnetlink_queue && break
  ((tries < 100)) || { systemctl status "$ID-queue"; exit 1; }
  sleep 0.05
done`;
}
