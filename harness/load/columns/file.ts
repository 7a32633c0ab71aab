/**
 * An append-only file of rows that is readable at every moment of its life, also after its writer was killed.
 *
 *     header   "FLCOLS1\n", u32 length, u32 CRC-32, JSON {schema, metadata}
 *     block    u32 length, u32 CRC-32 of the payload, payload
 *     payload  u32 count of new texts, each: u8 column, u32 bytes, UTF-8; u32 count of rows, rows of fixed width
 *
 * Little-endian throughout. The n-th text of a column has the number n, from 0. A reader stops at the first block
 * that is not whole.
 */
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type Metadata, type Row, type Schema, WIDTH } from "./schema.ts";

export const MAGIC = Buffer.from("FLCOLS1\n");
/** Rows wait no longer than this for their block. */
const FLUSH_EVERY_MS = 250;
const INITIAL_ROWS = 1024;
/** More different texts than this in one column become one: a dictionary of everything would be the memory's end. */
export const MAX_TEXTS = 10_000;
export const OVERFLOW_TEXT = "(other)";

export class ColumnFile {
  readonly #handle: FileHandle;
  readonly #schema: Schema;
  readonly #rowBytes: number;
  readonly #dictionaries: Map<string, number>[];
  #rows: Buffer;
  #rowCount = 0;
  #texts: Buffer[] = [];
  #textCount = 0;
  #writing: Promise<void> = Promise.resolve();
  #error: unknown = null;
  readonly #timer: NodeJS.Timeout;

  private constructor(handle: FileHandle, schema: Schema) {
    this.#handle = handle;
    this.#schema = schema;
    this.#rowBytes = schema.reduce((sum, column) => sum + WIDTH[column.kind], 0);
    this.#dictionaries = schema.map(() => new Map());
    this.#rows = Buffer.allocUnsafeSlow(this.#rowBytes * INITIAL_ROWS);
    this.#timer = setInterval(() => this.#flush(), FLUSH_EVERY_MS);
    this.#timer.unref();
  }

  /** Creates the file; one of that name is replaced. */
  static async create(path: string, schema: Schema, metadata: Metadata): Promise<ColumnFile> {
    const handle = await open(path, "w");
    const json = Buffer.from(JSON.stringify({ schema, metadata }));
    await handle.write(Buffer.concat([MAGIC, framed(json)]));
    return new ColumnFile(handle, schema);
  }

  /** Adds a row: one value for each column of the schema. On disk within 250 ms. @throws what writing threw before */
  append(row: Row): void {
    if (this.#error !== null) throw this.#error;
    let at = this.#rowCount * this.#rowBytes;
    if (at + this.#rowBytes > this.#rows.length) this.#grow();
    const rows = this.#rows;
    const schema = this.#schema;
    for (let index = 0; index < schema.length; index++) {
      const value = row[index] as number & string;
      switch (schema[index]?.kind) {
        case "f64":
          at = rows.writeDoubleLE(value, at);
          break;
        case "i64":
          at = rows.writeUInt32LE(value >>> 0, at);
          at = rows.writeInt32LE(Math.floor(value / 4294967296), at);
          break;
        case "i32":
          at = rows.writeInt32LE(value, at);
          break;
        case "u8":
          at = rows.writeUInt8(value, at);
          break;
        default:
          at = rows.writeUInt32LE(this.#number(index, value), at);
      }
    }
    this.#rowCount++;
  }

  /** Writes what waits, and waits until the disk has it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    await this.#writing;
    await this.#handle.sync();
    await this.#handle.close();
    if (this.#error !== null) throw this.#error;
  }

  #number(column: number, text: string): number {
    const dictionary = this.#dictionaries[column] as Map<string, number>;
    const known = dictionary.get(text);
    if (known !== undefined) return known;
    if (dictionary.size >= MAX_TEXTS && text !== OVERFLOW_TEXT) return this.#number(column, OVERFLOW_TEXT);
    const number = dictionary.size;
    dictionary.set(text, number);
    const bytes = Buffer.from(text);
    const head = Buffer.alloc(5);
    head.writeUInt8(column, 0);
    head.writeUInt32LE(bytes.length, 1);
    this.#texts.push(head, bytes);
    this.#textCount++;
    return number;
  }

  #grow(): void {
    const grown = Buffer.allocUnsafeSlow(this.#rows.length * 2);
    this.#rows.copy(grown);
    this.#rows = grown;
  }

  #flush(): void {
    if (this.#rowCount === 0 && this.#textCount === 0) return;
    const counts = [Buffer.alloc(4), Buffer.alloc(4)] as const;
    counts[0].writeUInt32LE(this.#textCount);
    counts[1].writeUInt32LE(this.#rowCount);
    const rows = this.#rows.subarray(0, this.#rowCount * this.#rowBytes);
    const block = framed(Buffer.concat([counts[0], ...this.#texts, counts[1], rows]));
    this.#rowCount = 0;
    this.#texts = [];
    this.#textCount = 0;
    this.#writing = this.#writing.then(() => this.#write(block));
  }

  async #write(block: Buffer): Promise<void> {
    try {
      for (let done = 0; done < block.length; ) {
        done += (await this.#handle.write(block, done, block.length - done)).bytesWritten;
      }
    } catch (error) {
      this.#error = error;
    }
  }
}

function framed(payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}
