/**
 * iptables rules of a fault, in whatever network namespace: each carries the fault's id as its comment, so that they are
 * found and removed exactly.
 */

/** `ip:port` */
export type Address = string;

const commentOf = (id: string) => `faultline:${id}`;

export interface Rule {
  readonly table: "nat" | "filter";
  readonly chain: "INPUT" | "OUTPUT" | "PREROUTING" | "POSTROUTING";
  /** As iptables takes it: `-d 10.96.0.1/32 -p tcp -m tcp --dport 443`. */
  readonly match: string;
  readonly target: string;
}

/** Input of `iptables-restore --noflush`. The rules stand first, before those of a service mesh, in their order. */
export function restoreInput(id: string, rules: readonly Rule[]): string {
  const tables = [...new Set(rules.map(({ table }) => table))].map((table) => {
    const places = new Map<string, number>();
    const lines = rules
      .filter((rule) => rule.table === table)
      .map(({ chain, match, target }) => {
        const place = (places.get(chain) ?? 0) + 1;
        places.set(chain, place);
        return `-I ${chain} ${place} ${match} -m comment --comment "${commentOf(id)}" -j ${target}`;
      });
    return [`*${table}`, ...lines, "COMMIT", ""].join("\n");
  });
  return tables.join("");
}

/** What goes from here to these TCP addresses. */
export function toAddresses(table: Rule["table"], to: readonly Address[], target: string): readonly Rule[] {
  return to.map((address) => {
    const [ip, port] = address.split(":");
    return { table, chain: "OUTPUT", match: `-d ${ip}/32 -p tcp -m tcp --dport ${port}`, target };
  });
}

/** Ids of all faults that have rules in what `iptables-save` showed. */
export function idsIn(saved: string): readonly string[] {
  const comments = saved.split("\n").flatMap(commentsOf);
  return [...new Set(comments.flatMap((comment) => /^faultline:(.+)$/.exec(comment)?.[1] ?? []))];
}

const commentsOf = (rule: string): string[] =>
  [...rule.matchAll(/--comment "?([^"\s]+)"?/g)].map((match) => match[1] ?? "");
