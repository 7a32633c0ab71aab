/** Does nothing and says so. The template of a fault: copy this file, add one row to index.ts. */
import type { NoopFault } from "../fault-specs.ts";
import type { Fault } from "./fault.ts";

/** What revert needs to know, as JSON: here, nothing. A type alias, so that it is assignable to Json. */
type NoopUndo = Record<never, never>;

export const noop: Fault<NoopFault, NoopUndo> = {
  kind: "noop",
  needs: [],
  oneShot: false,
  drawAs: { label: "nothing", colour: "#9e9e9e" },

  validate: () => [],
  prepare: async () => ({}),
  inject: async () => {},
  verifyEffective: async () => ({ effective: true, because: "there is nothing to take effect", values: {} }),
  revert: async () => {},
  verifyReverted: async () => ({ effective: false, because: "there was nothing to revert", values: {} }),
};
