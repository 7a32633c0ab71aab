/** Mistakes in what a definition says of churn. Pure. */
import { parseDuration } from "../../define/duration.ts";
import type { PodChurnFault } from "../../fault-specs.ts";
import { targetProblems } from "../targets.ts";
import { OWN_FIELDS, podsAtOnce } from "./pod.ts";

type Problems = { readonly path: string; readonly message: string }[];

const RATE = { min: 0.5, max: 20 } as const;
const LIFETIME_MS = { min: 1_000, max: 300_000 } as const;
/** More than any node holds: the addresses of a node's /24. */
const MOST_PODS = 250;

export function churnProblems(spec: PodChurnFault): Problems {
  return [...targetProblems("targets", spec.targets), ...rateProblems(spec), ...templateProblems(spec.template)];
}

function rateProblems(spec: PodChurnFault): Problems {
  const { podsPerSecond: rate } = spec;
  const lifetimeMs = parseDuration(String(spec.lifetime));
  const rateRight = typeof rate === "number" && rate >= RATE.min && rate <= RATE.max;
  const lifetimeRight = lifetimeMs !== null && lifetimeMs >= LIFETIME_MS.min && lifetimeMs <= LIFETIME_MS.max;
  const problems = [
    ...(rateRight
      ? []
      : [
          {
            path: "podsPerSecond",
            message: `pods a second, a number from ${RATE.min} to ${RATE.max}, not ${JSON.stringify(rate)}`,
          },
        ]),
    ...(lifetimeRight
      ? []
      : [{ path: "lifetime", message: `a duration from 1s to 5m, not ${JSON.stringify(spec.lifetime)}` }]),
  ];
  if (!rateRight || !lifetimeRight) return problems;
  const atOnce = podsAtOnce(rate, lifetimeMs, 0);
  if (atOnce <= MOST_PODS) return [];
  return [{ path: "podsPerSecond", message: `${atOnce} pods at once: no node holds more than ${MOST_PODS}` }];
}

function templateProblems(template: unknown): Problems {
  if (template === undefined) return [];
  const { containers } = (template ?? {}) as { containers?: unknown };
  if (!Array.isArray(containers) || containers.length === 0) {
    return [{ path: "template", message: "the spec of a pod, with its containers" }];
  }
  return OWN_FIELDS.filter((field) => field in (template as object)).map((field) => ({
    path: `template.${field}`,
    message: "is set by the fault itself: leave it out",
  }));
}
