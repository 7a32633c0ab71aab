/**
 * The rules of a network fault on one node, in the node's own network namespace. What pods send and get passes FORWARD
 * there, after a Service's address was replaced by a pod's; what the node itself and its kubelet say to its pods does
 * not, so that probes and the harness are never hit.
 */
import type { EndsSpec } from "./ends.ts";

export interface RuleSet {
  readonly id: string;
  readonly table: Table;
  /** `FORWARD` for pods; a node's own traffic passes the other two. */
  readonly hooks: readonly ("FORWARD" | "INPUT" | "OUTPUT")[];
  /** IPv4 ranges: the targets on this node, and whom their traffic is with. */
  readonly selves: readonly string[];
  readonly peers: readonly string[];
  readonly direction: EndsSpec["direction"];
  /** What is done to a packet to a peer and from one, as iptables says it: `-j DROP`. */
  readonly actions: { readonly to: readonly string[]; readonly from: readonly string[] };
}
/** A fault has one of its own where others would keep packets from it: a queue ends the walk through its table. */
export type Table = "filter" | "mangle" | "security";

/** At most 28 characters are a chain's name. */
export const chainOf = (id: string) => `faultline-${id.slice(-10)}`;

/** Input of `iptables-restore --noflush`: replaces the fault's chains at once, so that a change of targets leaves no gap. */
export function chainsOf(set: RuleSet): string {
  const chain = chainOf(set.id);
  const comment = `-m comment --comment "faultline:${set.id}"`;
  const ways = [
    { name: `${chain}-to`, self: "-s", peer: "-d", used: set.direction !== "from-peers", actions: set.actions.to },
    { name: `${chain}-from`, self: "-d", peer: "-s", used: set.direction !== "to-peers", actions: set.actions.from },
  ];
  return [
    `*${set.table}`,
    ...[chain, ...ways.map(({ name }) => name)].map((name) => `:${name} - [0:0]`),
    ...ways
      .filter(({ used }) => used)
      .flatMap(({ name, self, peer, actions }) => [
        ...set.selves.map((range) => `-A ${chain} ${self} ${range} ${comment} -j ${name}`),
        ...set.peers.flatMap((range) => actions.map((action) => `-A ${name} ${peer} ${range} ${comment} ${action}`)),
      ]),
    "COMMIT",
    "",
  ].join("\n");
}

/** For `startOnNode`; may be run again with other targets. */
export function injectScript(set: RuleSet): string {
  const rule = `-m comment --comment "faultline:${set.id}" -j ${chainOf(set.id)}`;
  return `set -e
iptables-restore --noflush --wait 5 <<'FAULTLINE-RULES'
${chainsOf(set)}FAULTLINE-RULES
for hook in ${set.hooks.join(" ")}; do
  iptables -w 5 -t ${set.table} -C "$hook" ${rule} 2> /dev/null || iptables -w 5 -t ${set.table} -I "$hook" 1 ${rule}
done`;
}

/** For `endOnNode`: right whatever is there of it. Packets that a queue holds when it ends are lost with it. */
export function undoScript(id: string, table: Table): string {
  const chain = chainOf(id);
  return `set -o pipefail
saved=$(iptables-save -t ${table}) || exit 1
case $saved in *${chain}*)
  {
    echo '*${table}'
    sed -n '/ -j ${chain}$/s/^-A/-D/p' <<< "$saved"
    for verb in F X; do
      for name in ${chain} ${chain}-to ${chain}-from; do
        case $saved in *":$name "*) echo "-$verb $name" ;; esac
      done
    done
    echo COMMIT
  } | iptables-restore --noflush --wait 5 || exit 1 ;;
esac${hasQueue(table) ? QUEUE_END : ""}`;
}

/** A script that prints what is left of a fault on a node: rules, and its queue. */
export function leftScript(id: string, table: Table): string {
  return `iptables-save -t ${table} | grep -F -- '${chainOf(id)}'
${hasQueue(table) ? `systemctl is-active --quiet ${id}-queue && echo ${id}-queue` : ""}
true`;
}

/** What is dropped needs no program. */
const hasQueue = (table: Table) => table !== "filter";
const QUEUE_END = `
systemctl stop "$ID-queue" 2> /dev/null
! systemctl is-active --quiet "$ID-queue"`;

/** Ids of other faults of this kind whose rules concern one of these ranges; \`faultline-<word>-…\` names the kind. */
export function foreignIds(saved: string, word: string, id: string, selves: readonly string[]): readonly string[] {
  const found = saved.split("\n").flatMap((line): string[] => {
    const other = new RegExp(`^-A faultline-\\w+ .*faultline:(faultline-${word}-\\w+)`).exec(line)?.[1];
    if (other === undefined || other === id) return [];
    // Rules of a node have no address of their own.
    const range = /-[sd] (\S+)/.exec(line)?.[1];
    return range === undefined || selves.includes(range) || selves.some((self) => self === "0.0.0.0/0") ? [other] : [];
  });
  return [...new Set(found)];
}
