/** Tables of measurements on disk: written row by row, read column by column. */
import { readColumnFile } from "./read.ts";
import type { Columns } from "./schema.ts";

export { ColumnFile } from "./file.ts";
export type { Columns, Row, Schema } from "./schema.ts";

/** Reads a table in either format, by the file's ending. @throws FaultlineError `journal` when it is neither. */
export async function readColumns(path: string): Promise<Columns> {
  return path.endsWith(".parquet") ? (await parquet()).readParquet(path) : readColumnFile(path);
}

/** Converts a column file, torn or not, to Parquet. The file appears under its name only when it is complete. */
export async function toParquet(source: string, target: string): Promise<void> {
  (await parquet()).toParquet(source, target);
}

/** Two libraries, for the end of a table's life: loaded only then. */
const parquet = async () => import("./parquet.ts");
