/** Mistakes in what a definition says of churn. Pure. */
import { parseDuration } from "../../define/duration.ts";
import type { PodChurnFault } from "../../fault-specs.ts";
import { targetProblems } from "../targets.ts";
import { OWN_FIELDS, podsAtOnce } from "./pod.ts";

type Problems = { readonly path: string; readonly message: string }[];

const RATE = { min: 0.5, max: 20 } as const;
const LIFETIME_MS = { min: 1_000, max: 300_000 } as const;
/** Fewer have no rate that could be told from another. */
const PODS = { min: 5, max: 1_000 } as const;
/** More than any node holds: the addresses of a node's /24. */
const MOST_PODS = 250;

export function churnProblems(spec: PodChurnFault): Problems {
  return [
    ...targetProblems("targets", spec.targets),
    ...rateProblems(spec),
    ...metadataProblems(spec.metadata),
    ...templateProblems(spec.template),
  ];
}

function rateProblems(spec: PodChurnFault): Problems {
  const { podsPerSecond, pods = null } = spec;
  const lifetimeMs = parseDuration(String(spec.lifetime));
  const rateRight = typeof podsPerSecond === "number" && podsPerSecond >= RATE.min && podsPerSecond <= RATE.max;
  const lifetimeRight = lifetimeMs !== null && lifetimeMs >= LIFETIME_MS.min && lifetimeMs <= LIFETIME_MS.max;
  const podsRight = pods === null || (Number.isInteger(pods) && pods >= PODS.min && pods <= PODS.max);
  const wrong = (path: keyof PodChurnFault, wanted: string) => ({
    path,
    message: `${wanted}, not ${JSON.stringify(spec[path])}`,
  });
  const problems = [
    ...(rateRight ? [] : [wrong("podsPerSecond", `pods a second, a number from ${RATE.min} to ${RATE.max}`)]),
    ...(lifetimeRight ? [] : [wrong("lifetime", "a duration from 1s to 5m")]),
    ...(podsRight ? [] : [wrong("pods", `a whole number from ${PODS.min} to ${PODS.max}`)]),
  ];
  if (problems.length > 0 || lifetimeMs === null) return problems;
  const { names, count } = spec.targets ?? {};
  const nodes = Math.max(1, names?.length ?? 1, typeof count === "number" ? count : 1);
  const atOnce = podsAtOnce({ podsPerSecond, lifetimeMs, pods }, nodes, 0);
  if (atOnce <= MOST_PODS) return [];
  return [{ path: "podsPerSecond", message: `${atOnce} pods at once: no node holds more than ${MOST_PODS}` }];
}

function metadataProblems(metadata: unknown): Problems {
  if (metadata === undefined) return [];
  const known = ["labels", "annotations"];
  return Object.entries(metadata ?? {}).flatMap(([key, texts]) => {
    const path = `metadata.${key}`;
    if (!known.includes(key)) return [{ path, message: `unknown; known: ${known.join(", ")}` }];
    const right = typeof texts === "object" && texts !== null && Object.values(texts).every(isText);
    return right ? [] : [{ path, message: "texts by name" }];
  });
}
const isText = (value: unknown): boolean => typeof value === "string";

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
