/** What an experiment file calls. */
import type { Experiment } from "../types.ts";

/**
 * The identity: it pins the types, so that a typo in the name of a fault, probe or arm fails in the editor.
 * A definition is plain data; everything is checked again, all problems at once, before anything is touched.
 */
export function defineExperiment<const P extends string, const F extends string, const A extends string>(
  experiment: Experiment<P, F, A>,
): Experiment<P, F, A> {
  return experiment;
}
