import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, describe, expect, test, vi } from "vitest";
import { MAX_TEXTS, OVERFLOW_TEXT } from "./file.ts";
import { ColumnFile, type Columns, type Row, readColumns, type Schema, toParquet } from "./index.ts";

vi.setConfig({ testTimeout: 120_000 });
const folder = mkdtempSync(join(tmpdir(), "faultline-columns-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SCHEMA: Schema = [
  { name: "t", kind: "i64" },
  { name: "value", kind: "f64" },
  { name: "status", kind: "i32" },
  { name: "flag", kind: "u8" },
  { name: "pod", kind: "string" },
];
const ROWS: Row[] = [
  [0, 0.1, 200, 1, "checkout-a"],
  [-1, -2.5e300, -7, 0, ""],
  [Number.MAX_SAFE_INTEGER, 1e-300, 2 ** 31 - 1, 255, "ünïcode 🎈"],
  [4294967296, 3, 0, 2, "checkout-a"],
  [-4294967297, 4, 1, 3, "line\nbreak"],
];

async function write(name: string, rows: Iterable<Row>, schema = SCHEMA): Promise<string> {
  const path = join(folder, name);
  const file = await ColumnFile.create(path, schema, { baseNs: "123456789012345678" });
  for (const row of rows) file.append(row);
  await file.close();
  return path;
}

function rowsOf({ length, columns }: Columns): Row[] {
  return Array.from({ length }, (_, row) =>
    Object.values(columns).map((column) =>
      column.kind === "string" ? (column.values[column.codes[row] ?? -1] ?? "?") : (column.values[row] ?? Number.NaN),
    ),
  );
}

describe("a column file", () => {
  test("gives back what was appended", async () => {
    const table = await readColumns(await write("plain.bin", ROWS));
    expect(rowsOf(table)).toEqual(ROWS);
    expect(table.metadata).toEqual({ baseNs: "123456789012345678" });
    expect(table.tornBytes).toBe(0);
  });

  test("torn anywhere, it gives back the whole blocks before", async () => {
    const path = join(folder, "torn.bin");
    const file = await ColumnFile.create(path, SCHEMA, {});
    const ends: number[] = [statSync(path).size];
    for (const row of ROWS) {
      file.append(row);
      const before = statSync(path).size;
      await expect.poll(() => statSync(path).size, { timeout: 20_000 }).toBeGreaterThan(before);
      ends.push(statSync(path).size);
    }
    await file.close();
    const whole = readFileSync(path);
    const first = ends[0] ?? 0;
    for (let size = first; size <= whole.length; size++) {
      writeFileSync(path, whole.subarray(0, size));
      const blocks = ends.filter((end) => end <= size).length - 1;
      const table = await readColumns(path);
      expect(rowsOf(table)).toEqual(ROWS.slice(0, blocks));
      expect(table.tornBytes).toBe(size - (ends[blocks] ?? 0));
    }
  });

  test("a flipped bit ends what is believed", async () => {
    const path = await write("flipped.bin", ROWS);
    const bytes = readFileSync(path);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect((await readColumns(path)).length).toBe(0);
  });

  test("is refused when it is something else", async () => {
    const path = join(folder, "foreign.bin");
    writeFileSync(path, "FLCOLS1\n and then nothing of ours");
    await expect(readColumns(path)).rejects.toMatchObject({ code: "journal" });
  });

  test("keeps its dictionary small when every text is another one", async () => {
    const schema: Schema = [{ name: "url", kind: "string" }];
    const rows = Array.from({ length: MAX_TEXTS + 50 }, (_, index): Row => [`/item/${index}`]);
    const table = rowsOf(await readColumns(await write("urls.bin", rows, schema)));
    expect(table[MAX_TEXTS - 1]).toEqual([`/item/${MAX_TEXTS - 1}`]);
    expect(table.slice(MAX_TEXTS)).toEqual(rows.slice(MAX_TEXTS).map(() => [OVERFLOW_TEXT]));
  });
});

describe("Parquet", () => {
  test("holds the same, and is read by a reader that knows nothing of us", async () => {
    const target = join(folder, "same.parquet");
    await toParquet(await write("same.bin", ROWS), target);
    const table = await readColumns(target);
    expect(rowsOf(table)).toEqual(ROWS);
    expect(table.metadata).toEqual({ baseNs: "123456789012345678" });
    const objects = await parquetReadObjects({
      file: await asyncBufferFromFile(target),
      compressors: { GZIP: (input) => gunzipSync(input) },
    });
    expect(objects[2]).toEqual({
      t: BigInt(Number.MAX_SAFE_INTEGER),
      value: 1e-300,
      status: 2 ** 31 - 1,
      flag: 255,
      pod: "ünïcode 🎈",
    });
  });

  test("of nothing is a file without rows", async () => {
    const target = join(folder, "empty.parquet");
    await toParquet(await write("empty.bin", []), target);
    expect((await readColumns(target)).length).toBe(0);
  });

  test("a torn file is converted as far as it goes", async () => {
    const path = await write("cut.bin", ROWS);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from([9, 0, 0, 0, 1, 2, 3])]));
    const target = join(folder, "cut.parquet");
    await toParquet(path, target);
    expect(rowsOf(await readColumns(target))).toEqual(ROWS);
  });

  test("spans row groups", async () => {
    const schema: Schema = [
      { name: "n", kind: "i32" },
      { name: "s", kind: "string" },
    ];
    const rows = Array.from({ length: 120_003 }, (_, index): Row => [index, `s${index % 7}`]);
    const target = join(folder, "groups.parquet");
    await toParquet(await write("groups.bin", rows, schema), target);
    const table = await readColumns(target);
    expect(table.length).toBe(rows.length);
    expect([0, 49_999, 50_000, 99_999, 100_000, 120_002].map((index) => rowsOf(table)[index])).toEqual(
      [0, 49_999, 50_000, 99_999, 100_000, 120_002].map((index) => rows[index]),
    );
  });

  test("another program's file is refused", async () => {
    const path = join(folder, "other.parquet");
    writeFileSync(path, "no parquet at all");
    await expect(readColumns(path)).rejects.toThrow();
  });
});
