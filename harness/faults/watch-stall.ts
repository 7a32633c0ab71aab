/** Watches of chosen clients stay open and deliver nothing, while every other request is answered. */
import type { WatchStallFault } from "../fault-specs.ts";
import { apiFault } from "./apiserver/fault.ts";
import { targetProblems } from "./targets.ts";

export const watchStall = apiFault<WatchStallFault>({
  kind: "watch.stall",
  drawAs: { label: "watches deliver nothing", colour: "#999933" },
  validate: ({ clients }) => targetProblems("clients", clients),
  effectOf: () => ({ effect: "watches-stalled", latencyMs: 0 }),
});
