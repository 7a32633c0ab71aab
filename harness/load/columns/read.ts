/** Reads a column file block by block, up to its first block that is not whole. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { FaultlineError } from "../../errors.ts";
import { MAGIC } from "./file.ts";
import { type ColumnKind, type Columns, type Metadata, type Schema, WIDTH } from "./schema.ts";

type Values = Float64Array | Int32Array | Uint8Array | Uint32Array;

/** One block's rows, column by column, in the order of the schema. */
export interface Block {
  readonly rows: number;
  readonly columns: readonly Values[];
}

export interface BlockReader {
  readonly schema: Schema;
  readonly metadata: Metadata;
  /** Texts seen so far, by column; grows while blocks are read. */
  readonly texts: readonly string[][];
  blocks(): Generator<Block>;
  /** Known after the last block. */
  readonly tornBytes: number;
  close(): void;
}

/** @throws FaultlineError `journal` when the file is none of ours. */
export function openColumns(path: string): BlockReader {
  const fd = openSync(path, "r");
  const size = fstatSync(fd).size;
  const header = readFrame(fd, MAGIC.length, size);
  if (header === null || !readAt(fd, 0, MAGIC.length).equals(MAGIC)) {
    closeSync(fd);
    throw new FaultlineError("journal", `${path}: is no column file, or its header is torn`);
  }
  const { schema, metadata } = JSON.parse(header.toString()) as { schema: Schema; metadata: Metadata };
  const texts: string[][] = schema.map(() => []);
  let offset = MAGIC.length + 8 + header.length;
  return {
    schema,
    metadata,
    texts,
    get tornBytes() {
      return size - offset;
    },
    close: () => closeSync(fd),
    *blocks() {
      for (let payload = readFrame(fd, offset, size); payload !== null; payload = readFrame(fd, offset, size)) {
        offset += 8 + payload.length;
        yield decode(payload, schema, texts);
      }
    },
  };
}

/** The whole file in memory, column by column. */
export function readColumnFile(path: string): Columns {
  const reader = openColumns(path);
  try {
    const blocks = [...reader.blocks()];
    const length = blocks.reduce((sum, block) => sum + block.rows, 0);
    const columns = Object.fromEntries(
      reader.schema.map(({ name, kind }, index) => {
        const whole = arrayOf(kind, length);
        let at = 0;
        for (const block of blocks) {
          whole.set(block.columns[index] as Values, at);
          at += block.rows;
        }
        if (kind === "string") return [name, { kind, codes: whole as Uint32Array, values: reader.texts[index] ?? [] }];
        return [name, { kind, values: whole as Float64Array }];
      }),
    );
    return { length, metadata: reader.metadata, columns, tornBytes: reader.tornBytes };
  } finally {
    reader.close();
  }
}

export function arrayOf(kind: ColumnKind, length: number): Values {
  if (kind === "string") return new Uint32Array(length);
  if (kind === "i32") return new Int32Array(length);
  return kind === "u8" ? new Uint8Array(length) : new Float64Array(length);
}

function decode(payload: Buffer, schema: Schema, texts: string[][]): Block {
  let at = 4;
  for (let left = payload.readUInt32LE(0); left > 0; left--) {
    const column = payload.readUInt8(at);
    const length = payload.readUInt32LE(at + 1);
    texts[column]?.push(payload.toString("utf8", at + 5, at + 5 + length));
    at += 5 + length;
  }
  const rows = payload.readUInt32LE(at);
  at += 4;
  const columns = schema.map(({ kind }) => arrayOf(kind, rows));
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < columns.length; index++) {
      const kind = schema[index]?.kind ?? "u8";
      (columns[index] as Values)[row] = readValue(payload, kind, at);
      at += WIDTH[kind];
    }
  }
  return { rows, columns };
}

function readValue(payload: Buffer, kind: ColumnKind, at: number): number {
  switch (kind) {
    case "f64":
      return payload.readDoubleLE(at);
    case "i64":
      return payload.readUInt32LE(at) + payload.readInt32LE(at + 4) * 4294967296;
    case "i32":
      return payload.readInt32LE(at);
    case "u8":
      return payload.readUInt8(at);
    default:
      return payload.readUInt32LE(at);
  }
}

/** A payload whose length and check sum are right, else null. */
function readFrame(fd: number, offset: number, size: number): Buffer | null {
  if (offset + 8 > size) return null;
  const head = readAt(fd, offset, 8);
  const length = head.readUInt32LE(0);
  if (offset + 8 + length > size) return null;
  const payload = readAt(fd, offset + 8, length);
  return crc32(payload) === head.readUInt32LE(4) ? payload : null;
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, buffer, done, length - done, offset + done);
    if (read === 0) return buffer.subarray(0, done);
    done += read;
  }
  return buffer;
}
