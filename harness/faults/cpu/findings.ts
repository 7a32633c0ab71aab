/** What a look at a node's CPU time says of the fault. Pure. */
import type { Evidence } from "../../types.ts";
import type { Look } from "./look.ts";
import { BAND, timeInBand } from "./usage.ts";

/** Once it was judged for this long, a node that was mostly out of the band counts for nothing. Seconds, percent. */
const JUDGED_S = 10;
const LEAST_IN_BAND = 50;

export function withinBand(look: Look, target: number, capacity: number): boolean {
  const { seconds, percent } = timeInBand(look.samples, capacity, target);
  const held = seconds < JUDGED_S || percent >= LEAST_IN_BAND;
  return look.there && held && Math.abs(look.percent - target) <= BAND;
}

export function describeLook(look: Look, target: number, capacity: number) {
  const { seconds, percent, mean } = timeInBand(look.samples, capacity, target);
  const one = (value: number) => Number(value.toFixed(1));
  const values: Record<string, number | string> = {
    targetPercent: target,
    usedPercent: one(look.percent),
    userPercent: one(look.userPercent),
    systemPercent: one(look.systemPercent),
    capacityCpus: capacity,
    throttledPercent: one(look.throttledPercent),
    machineIdlePercent: one(look.machineIdlePercent),
    ...(look.stalledPercent === null ? {} : { stalledPercent: one(look.stalledPercent) }),
    ...(look.canaryMs === null ? {} : { canaryMs: look.canaryMs }),
    ...(look.canaryBeforeMs === null ? {} : { canaryBeforeMs: look.canaryBeforeMs }),
    ...(seconds === 0 ? {} : { inBandPercent: one(percent), judgedS: one(seconds), meanPercent: one(mean) }),
  };
  const parts = [
    `${values.usedPercent} % of its ${capacity} CPUs in use (user ${values.userPercent}, system ${values.systemPercent}; asked for ${target})`,
    look.there ? null : "nothing of the fault runs there",
    look.stalledPercent === null ? null : `some process waited for a CPU ${values.stalledPercent} % of the time`,
    look.throttledPercent > 0 ? `at its cap in ${values.throttledPercent} % of the periods` : null,
    look.canaryMs === null
      ? null
      : `a canary took ${look.canaryMs} ms${look.canaryBeforeMs === null ? "" : `, and ${look.canaryBeforeMs} ms before`}`,
    seconds === 0
      ? null
      : `within ${BAND} points for ${values.inBandPercent} % of ${values.judgedS} s, ${values.meanPercent} % in the mean`,
    look.there && look.percent < target - BAND && look.machineIdlePercent < 5
      ? `the machine has no more to give: ${values.machineIdlePercent} % of it is idle`
      : null,
  ];
  return { saw: parts.filter((part) => part !== null).join(", "), values } satisfies {
    saw: string;
    values: Evidence["values"];
  };
}
