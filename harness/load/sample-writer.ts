/** Every request of a load, kept: one row each. */
import { ColumnFile } from "./columns/file.ts";
import type { Schema } from "./columns/schema.ts";
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
