/** The public API: what an experiment file may import. */
export { defineExperiment } from "./define/experiment.ts";
export { FaultlineError } from "./errors.ts";
export type * from "./fault-specs.ts";
export type * from "./types.ts";
