/** A node as a lane on a time axis: how many replicas it has, and when it is down. */
import { downsWithin, type Placement, stepsWithin } from "../../../verdict/placement.ts";
import type { Window } from "../../../verdict/windows.ts";
import { counted, milliseconds } from "../../../verdict/words.ts";
import { html, type Markup, px } from "../markup.ts";
import type { Scale } from "../scale.ts";

export interface LaneInput {
  readonly placement: Placement;
  readonly window: Window;
  /** Replicas at which a lane has its full colour. */
  readonly wanted: number;
  readonly place: Scale;
}

/** Without what all nodes of a cluster have in common: "worker2" of "faultline-a-worker2". */
export function shortName(node: string, nodes: readonly string[]): string {
  const [first = ""] = nodes;
  const parts = first.split("-");
  const common = parts.findLastIndex((_, i) => {
    const head = `${parts.slice(0, i).join("-")}-`;
    return i > 0 && nodes.every((one) => one.startsWith(head));
  });
  return common < 1 ? node : node.slice(parts.slice(0, common).join("-").length + 1);
}

export function nodeLane(node: string, input: LaneInput, y: number, height: number): Markup {
  const { placement, window, place } = input;
  const downs = downsWithin(placement, window).filter((down) => down.node === node);
  const track = html`<rect class="node-track" x="${px(place(window.beginMs))}" y="${px(y)}" width="${px(place(window.endMs) - place(window.beginMs))}" height="${height}"/>`;
  return html`${track}${stretchesOf(node, input).map((stretch) => replicaBox(node, stretch, input, y, height))}${downs.map(
    ({ fromMs, toMs }) => downBox(node, fromMs, Math.min(toMs ?? window.endMs, window.endMs), input, y, height),
  )}`;
}

interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly replicas: number;
}

/** Times in which the number stays the same; those without any are left out. */
function stretchesOf(node: string, { placement, window }: LaneInput): readonly Stretch[] {
  const stretches: Stretch[] = [];
  for (const [i, step] of stepsWithin(placement, window).entries()) {
    const replicas = step.onNode.get(node) ?? 0;
    const last = stretches.at(-1);
    if (last?.replicas === replicas && i > 0) continue;
    if (last !== undefined) stretches[stretches.length - 1] = { ...last, toMs: step.t };
    stretches.push({ fromMs: step.t, toMs: window.endMs, replicas });
  }
  return stretches.filter(({ replicas }) => replicas > 0);
}

function replicaBox(node: string, stretch: Stretch, { wanted, place, window }: LaneInput, y: number, height: number) {
  const { fromMs, toMs, replicas } = stretch;
  const [x, width] = [place(fromMs), Math.max(1, place(toMs) - place(fromMs))];
  const share = Math.min(1, replicas / Math.max(1, wanted));
  const said = `${node}: ${counted(replicas, "replica")} for ${milliseconds(toMs - fromMs)} from ${milliseconds(fromMs - window.beginMs)} on`;
  const number =
    width > 18 && height > 11
      ? html`<text class="${share > 0.7 ? "on-full" : "on-light"}" x="${px(x + width / 2)}" y="${px(y + height / 2 + 4)}" text-anchor="middle">${replicas}</text>`
      : null;
  return html`<g><title>${said}</title><rect class="replicas" fill-opacity="${(0.2 + 0.8 * share).toFixed(2)}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${height}"/>${number}</g>`;
}

/** Below the replicas that it holds on to, so that both are seen. */
function downBox(node: string, fromMs: number, toMs: number, { place, window }: LaneInput, y: number, height: number) {
  const said = `${node} is down for ${milliseconds(toMs - fromMs)} from ${milliseconds(fromMs - window.beginMs)} on`;
  const width = Math.max(1, place(toMs) - place(fromMs));
  const thickness = Math.max(3, height / 4);
  return html`<g><title>${said}</title><rect class="node-down" x="${px(place(fromMs))}" y="${px(y + height - thickness)}" width="${px(width)}" height="${px(thickness)}"/></g>`;
}
