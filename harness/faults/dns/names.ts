/** Which names a DNS fault concerns, and with which of them it is looked at. */
import type { PodTargets } from "../../fault-specs.ts";
import { isAmong } from "../agent-image/dns-message.ts";
import { targetProblems } from "../targets.ts";

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const PATTERN = new RegExp(`^(?:\\*|(?:\\*\\.)?(?:${LABEL}\\.)+${LABEL})$`, "i");
const MAX_NAMES = 100;
/** Every pod can ask for it, and it is answered from the cluster's own zone. */
const CONTROL = "kubernetes.default.svc.cluster.local";

export interface DnsSpec {
  readonly names: readonly string[];
  readonly pods?: PodTargets;
}

export function dnsProblems(spec: DnsSpec): { readonly path: string; readonly message: string }[] {
  const { names } = spec;
  const count = Array.isArray(names) ? names.length : 0;
  if (count < 1 || count > MAX_NAMES)
    return [{ path: "names", message: `1 to ${MAX_NAMES} names` }, ...podProblems(spec)];
  const wrong = names.flatMap((name, i) =>
    typeof name === "string" && name.length <= 253 && PATTERN.test(name)
      ? []
      : [
          {
            path: `names[${i}]`,
            message: `a name as it is asked for in the end ("db.shop.svc.cluster.local"), all below one ("*.example.com"), or "*", not ${JSON.stringify(name)}`,
          },
        ],
  );
  return [...wrong, ...podProblems(spec)];
}

const podProblems = ({ pods }: DnsSpec) => (pods === undefined ? [] : targetProblems("pods", pods));

/** A name that the fault concerns, and one that it leaves alone; null where it concerns all. */
export function lookedAt(names: readonly string[]): { readonly hit: string; readonly control: string | null } {
  const first = names.find((name) => !name.startsWith("*")) ?? names[0] ?? "";
  const hit = first === "*" ? CONTROL : first.replace(/^\*/, "faultline-probe");
  return { hit, control: isAmong(CONTROL, names) ? null : CONTROL };
}
