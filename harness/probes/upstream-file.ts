/** The ingress controller's requests on disk: `.bin` while they come in, `.parquet` when the arm is over. */
import { rm } from "node:fs/promises";
import { ColumnFile, type Columns, readColumns, type Schema, toParquet } from "../load/columns/index.ts";
import type { UpstreamColumns } from "../types.ts";

export interface UpstreamRow {
  /** Milliseconds on the run's clock. */
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number;
  /** `ip:port` that the controller chose. */
  readonly address: string;
}
export interface UpstreamSink {
  append(row: UpstreamRow): void;
  close(): Promise<void>;
}

const SCHEMA: Schema = [
  { name: "startMs", kind: "f64" },
  { name: "endMs", kind: "f64" },
  { name: "status", kind: "i32" },
  { name: "address", kind: "string" },
];

/** @param path without its ending. */
export async function createUpstream(path: string): Promise<UpstreamSink> {
  const file = await ColumnFile.create(`${path}.bin`, SCHEMA, { clock: "milliseconds since the run's start" });
  return {
    append: ({ startMs, endMs, status, address }) => file.append([startMs, endMs, status, address]),
    close: async () => {
      await file.close();
      await toParquet(`${path}.bin`, `${path}.parquet`);
      await rm(`${path}.bin`);
    },
  };
}

/** @param file `.bin`, torn or not, or `.parquet`. @throws FaultlineError `journal` when it is neither. */
export async function readUpstream(file: string): Promise<UpstreamColumns> {
  const table = await readColumns(file);
  const { address } = table.columns;
  return {
    length: table.length,
    startMs: numbers(table, "startMs") as Float64Array,
    endMs: numbers(table, "endMs") as Float64Array,
    status: numbers(table, "status"),
    address: address?.kind === "string" ? address : { codes: [], values: [] },
  };
}

function numbers(table: Columns, name: string): ArrayLike<number> {
  const column = table.columns[name];
  return column === undefined || column.kind === "string" ? new Float64Array(table.length) : column.values;
}
