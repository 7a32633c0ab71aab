/** Every request of a load as columns: what verdicts are made of. */
import type { RequestColumns, TextColumn } from "../types.ts";
import { type Columns, readColumns } from "./columns/index.ts";

/**
 * Reads samples, from the append-only file or from Parquet.
 * @param zeroNs where the times of the answer are zero, nanoseconds of CLOCK_MONOTONIC as a decimal (`monotonicNs`
 *   of a run's start); default: the beginning of CLOCK_MONOTONIC.
 */
export async function readSamples(
  path: string,
  zeroNs = "0",
): Promise<
  RequestColumns & { readonly bytes: ArrayLike<number>; readonly scenario: TextColumn; readonly tornBytes: number }
> {
  const table = await readColumns(path);
  // The difference is taken in whole nanoseconds: both may be larger than what a double holds exactly.
  const shiftMs = Number(BigInt(table.metadata.baseNs ?? "0") - BigInt(zeroNs)) / 1e6;
  return {
    length: table.length,
    intendedMs: milliseconds(table, "intended_ns", shiftMs),
    startMs: milliseconds(table, "start_ns", shiftMs),
    endMs: milliseconds(table, "end_ns", shiftMs),
    status: numbers(table, "status"),
    bytes: numbers(table, "bytes"),
    error: texts(table, "error"),
    method: texts(table, "method"),
    name: texts(table, "name"),
    scenario: texts(table, "scenario"),
    pod: texts(table, "pod"),
    connection: texts(table, "connection"),
    tornBytes: table.tornBytes,
  };
}

function milliseconds(table: Columns, name: string, shiftMs: number): Float64Array {
  return Float64Array.from(numbers(table, name), (ns) => ns / 1e6 + shiftMs);
}

function numbers(table: Columns, name: string): Float64Array | Int32Array | Uint8Array {
  const column = table.columns[name];
  return column === undefined || column.kind === "string" ? new Float64Array(table.length) : column.values;
}

function texts(table: Columns, name: string): TextColumn {
  const column = table.columns[name];
  return column?.kind === "string" ? column : { codes: new Uint32Array(table.length), values: [""] };
}
