/** Every request of a load, kept: the table that verdicts are made of. */
import type { RequestColumns, TextColumn } from "../types.ts";
import { ColumnFile, type Columns, readColumns, type Schema } from "./columns/index.ts";
import type { ConnectionKind, ErrorKind } from "./http/exchange.ts";

/** Times are nanoseconds of CLOCK_MONOTONIC since `baseNs`, a decimal in the file's metadata. */
export const SAMPLE_SCHEMA: Schema = [
  { name: "intended_ns", kind: "i64" },
  { name: "start_ns", kind: "i64" },
  { name: "end_ns", kind: "i64" },
  { name: "status", kind: "i32" },
  { name: "bytes", kind: "i32" },
  { name: "error", kind: "string" },
  { name: "method", kind: "string" },
  { name: "name", kind: "string" },
  { name: "scenario", kind: "string" },
  { name: "pod", kind: "string" },
  { name: "connection", kind: "string" },
];

/** `dropped`: never sent, because every virtual user was busy. */
export type SampleError = ErrorKind | "dropped";

export interface Sample {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly intendedMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number;
  /** Received. */
  readonly bytes: number;
  readonly error: SampleError;
  readonly method: string;
  readonly name: string;
  readonly scenario: string;
  readonly pod: string;
  readonly connection: ConnectionKind;
}

export class SampleWriter {
  readonly #file: ColumnFile;
  readonly #baseMs: number;
  written = 0;

  private constructor(file: ColumnFile, baseMs: number) {
    this.#file = file;
    this.#baseMs = baseMs;
  }

  /** `metadata` goes into the file beside `baseNs`. */
  static async create(path: string, metadata: Readonly<Record<string, string>>): Promise<SampleWriter> {
    const baseNs = process.hrtime.bigint();
    const file = await ColumnFile.create(path, SAMPLE_SCHEMA, { ...metadata, baseNs: String(baseNs) });
    return new SampleWriter(file, Number(baseNs) / 1e6);
  }

  add(sample: Sample): void {
    const base = this.#baseMs;
    this.written++;
    this.#file.append([
      Math.round((sample.intendedMs - base) * 1e6),
      Math.round((sample.startMs - base) * 1e6),
      Math.round((sample.endMs - base) * 1e6),
      sample.status,
      sample.bytes,
      sample.error,
      sample.method,
      sample.name,
      sample.scenario,
      sample.pod,
      sample.connection,
    ]);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * Reads samples, from the append-only file or from Parquet.
 * @param zeroNs where the times of the answer are zero, nanoseconds of CLOCK_MONOTONIC as a decimal (`monotonicNs`
 *   of a run's start); default: the beginning of CLOCK_MONOTONIC.
 */
export async function readSamples(
  path: string,
  zeroNs = "0",
): Promise<RequestColumns & { readonly bytes: ArrayLike<number>; readonly scenario: TextColumn; readonly tornBytes: number }> {
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
