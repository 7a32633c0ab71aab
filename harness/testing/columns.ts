/** Columns from rows, so that a test can say in a line what was requested. */
import type { RequestColumns, TextColumn, UpstreamColumns } from "../types.ts";

/** Times in ms; what is left out is an ordinary good request that took 5 ms. */
export interface RequestRow {
  readonly intended: number;
  readonly start?: number;
  readonly end?: number;
  readonly status?: number;
  readonly error?: string;
  readonly method?: string;
  readonly name?: string;
  readonly pod?: string;
}
export interface UpstreamRow {
  readonly start: number;
  readonly end?: number;
  readonly status?: number;
  readonly address: string;
}

export function requestColumns(rows: readonly RequestRow[]): RequestColumns {
  const startOf = (row: RequestRow) => row.start ?? row.intended;
  return {
    length: rows.length,
    intendedMs: Float64Array.from(rows, (row) => row.intended),
    startMs: Float64Array.from(rows, startOf),
    endMs: Float64Array.from(rows, (row) => row.end ?? startOf(row) + 5),
    status: Uint16Array.from(rows, (row) => row.status ?? 200),
    error: textColumn(rows.map((row) => row.error ?? "")),
    method: textColumn(rows.map((row) => row.method ?? "GET")),
    name: textColumn(rows.map((row) => row.name ?? "checkout")),
    pod: textColumn(rows.map((row) => row.pod ?? "")),
    connection: textColumn(rows.map(() => "pooled")),
  };
}

export function upstreamColumns(rows: readonly UpstreamRow[]): UpstreamColumns {
  return {
    length: rows.length,
    startMs: Float64Array.from(rows, (row) => row.start),
    endMs: Float64Array.from(rows, (row) => row.end ?? row.start + 5),
    status: Uint16Array.from(rows, (row) => row.status ?? 200),
    address: textColumn(rows.map((row) => row.address)),
  };
}

function textColumn(texts: readonly string[]): TextColumn {
  const values = [...new Set(texts)];
  const codes = new Map(values.map((value, code) => [value, code]));
  return { values, codes: Uint16Array.from(texts, (text) => codes.get(text) ?? 0) };
}
