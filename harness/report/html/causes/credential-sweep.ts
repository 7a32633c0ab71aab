/** Which client asks the metadata service at each request, by what its credentials have left: a table. */
import { type Cell, sweepCells } from "../../../verdict/imds.ts";
import { metricValue, milliseconds } from "../../../verdict/words.ts";
import { NONE } from "../../arm-columns.ts";
import { html, type Markup } from "../markup.ts";
import type { CausePicture } from "./cause.ts";

export const sweepPicture: CausePicture = {
  ofRun: ({ arms, probe }) => {
    const swept = arms.map(({ planned, record }) => ({ arm: planned.name, cells: sweepCells(record, probe) }));
    const tables = swept.filter(({ cells }) => cells.length > 0);
    if (tables.length === 0) return null;
    return html`<section><h2>Which client asks when</h2><p class="lead">Metadata calls per request, by what the credentials had left when they were handed out. Two or more: the client asks before every request.</p>${tables.map(
      ({ arm, cells }) => sweepTable(arm, cells),
    )}</section>`;
  },
};

function sweepTable(arm: string, cells: readonly Cell[]): Markup {
  const clients = unique(cells.map(({ client }) => client));
  const lifetimes = unique(cells.map(({ remainingMs }) => remainingMs)).sort((a, b) => b - a);
  const side = unique(cells.map(({ concurrency }) => concurrency)).sort((a, b) => a - b);
  const at = (client: string, remainingMs: number) =>
    side.map((one) =>
      cells.find((cell) => cell.client === client && cell.remainingMs === remainingMs && cell.concurrency === one),
    );
  return html`<div class="scroll"><table><thead><tr><th>Client</th>${lifetimes.map((ms) => html`<th class="number">${milliseconds(ms)} left</th>`)}</tr></thead><tbody>${clients.map(
    (client) => html`<tr><th scope="row">${client}</th>${lifetimes.map((ms) => cellOf(at(client, ms)))}</tr>`,
  )}</tbody></table></div><p class="note">Arm ${arm}; in each cell ${side.map((one) => (one === 1 ? "one call after the other" : `${one} side by side`)).join(" / ")}, ${cells[0]?.requests ?? 0} each, the first credentials fetched before. Red: the client asks at each request.</p>`;
}

function cellOf(cells: readonly (Cell | undefined)[]): Markup {
  const storms = cells.some((cell) => cell?.storms === true);
  const text = cells.map((cell) => (cell === undefined ? NONE : metricValue(cell.ratio))).join(" / ");
  const failed = cells.reduce((sum, cell) => sum + (cell?.failed ?? 0), 0);
  return html`<td class="number ${storms ? "late" : ""}">${text}${failed === 0 ? null : html`<span class="role">${failed} without credentials</span>`}</td>`;
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
