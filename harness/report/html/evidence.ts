/** What was done to the system, and what shows that it was. */
import type { FaultSummary, PlannedArm } from "../../types.ts";
import { milliseconds } from "../../verdict/words.ts";
import { faultLabel } from "./fault-kinds.ts";
import { html, type Markup } from "./markup.ts";

const WHEN = {
  inject: "after it was injected",
  revert: "before it was reverted",
  clean: "after it was reverted",
} as const;

/** Times count from `zeroMs`, the begin of the load. */
export function faultEvidence(arm: PlannedArm, faults: readonly FaultSummary[], zeroMs: number): Markup | null {
  if (arm.steps.length === 0) return null;
  return html`<h3>Faults, and what shows them</h3>${arm.steps.map((step) => {
    const fault = faults.find((candidate) => candidate.id === step.id);
    return html`<div class="fault"><h4>${step.fault} <span class="kind">${faultLabel(step.spec)}</span></h4>${
      fault === undefined ? html`<p class="late">Never injected.</p>` : faultFacts(fault, zeroMs)
    }</div>`;
  })}`;
}

function faultFacts(fault: FaultSummary, zeroMs: number): Markup {
  const at = (what: string, t: number | null) =>
    t === null ? `never ${what}` : `${what} at ${milliseconds(t - zeroMs)}`;
  return html`<p class="note">It was ${at("injected", fault.injectedMs)}, ${at("verified as reverted", fault.revertedMs)}${fault.state === "reverted" ? null : html`, <strong class="late">last state: ${fault.state}</strong>`}.</p>
<table class="evidence cards"><tbody>${fault.evidence.map(
    (evidence) =>
      html`<tr><th scope="row">${WHEN[evidence.when]}</th><td class="at" data-title="At">${milliseconds(evidence.t - zeroMs)}</td><td data-title="Effect">${evidence.effective ? "in effect" : "no effect"}</td><td data-title="Because">${evidence.because} <span class="values">${Object.entries(evidence.values).map(([key, value]) => html`<span>${key} ${typeof value === "number" ? Number(value.toFixed(2)) : value}</span> `)}</span></td></tr>`,
  )}</tbody></table>`;
}
