/** The terminated pods on the run's time axis, one row each: did the listener stay open until the last request? */
import type { Termination } from "../../types.ts";
import { closedMsOf } from "../../verdict/terminations.ts";
import { milliseconds } from "../../verdict/words.ts";
import { html, type Markup, px } from "./markup.ts";
import type { Layout } from "./panel.ts";
import type { Scale } from "./scale.ts";

const ROW = { wide: 9, narrow: 7 } as const;

export function podsHeight(layout: Layout, pods: number): number {
  return pods * ROW[layout.name];
}

export function podsPanel(layout: Layout, top: number, pods: readonly Termination[], place: Scale): Markup {
  const row = ROW[layout.name];
  const title = layout.name === "wide" ? "Terminated pods, in the order of their deletes" : "Terminated pods";
  return html`<text class="panel-title" x="${layout.left}" y="${px(top - 9)}">${title}</text>${pods.map((pod, index) =>
    podBar(pod, place, top + (index + 0.5) * row, row - 3),
  )}`;
}

/** Thin: until the pod's object is gone. Blue: taking connections. Red: requests still arrive, nobody listens. */
function podBar(pod: Termination, place: Scale, y: number, thickness: number): Markup {
  const from = place(pod.deletedMs);
  const closedMs = closedMsOf(pod);
  const endMs = Math.max(pod.goneMs ?? 0, pod.exitMs ?? 0, closedMs ?? 0, pod.deletedMs);
  const listening =
    closedMs === null
      ? null
      : html`<path class="p-open" stroke-width="${thickness}" d="M${px(from)} ${px(y)}H${px(Math.max(from + 1, place(closedMs)))}"/>`;
  return html`<g><title>${podSentence(pod)}</title><path class="p-life" d="M${px(from)} ${px(y)}H${px(place(endMs))}"/>${listening}${lateBar(pod, closedMs, place, y, thickness)}</g>`;
}

function lateBar(pod: Termination, closedMs: number | null, place: Scale, y: number, thickness: number): Markup | null {
  if (closedMs === null || pod.lastRequestMs === null || pod.requestsAfterClose === 0) return null;
  return html`<path class="p-late" stroke-width="${thickness}" d="M${px(place(closedMs))} ${px(y)}H${px(place(pod.lastRequestMs))}"/>`;
}

/** The race of one pod in words, for a tooltip and for those who do not see the chart. */
export function podSentence(pod: Termination): string {
  const step = (name: string, at: number | null) => (at === null ? [] : [`${name} ${signed(at - pod.deletedMs)}`]);
  const steps = [
    ...step("SIGTERM", pod.sigtermMs),
    ...step("listener closed", pod.listenerClosedMs),
    ...step("endpoint not ready", pod.notReadyMs),
    ...step("last request", pod.lastRequestMs),
    ...step("exit", pod.exitMs),
    ...step("gone", pod.goneMs),
  ];
  return `${pod.pod}: ${steps.join(", ")}; ${pod.requestsAfterClose} requests after close`;
}

/** "+5.2 s", "−30 ms" */
export function signed(ms: number): string {
  return ms < 0 ? milliseconds(ms) : `+${milliseconds(ms)}`;
}
