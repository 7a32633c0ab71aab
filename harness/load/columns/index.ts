/** Tables of measurements on disk: written row by row, read column by column. */
import { readParquet } from "./parquet.ts";
import { readColumnFile } from "./read.ts";
import type { Columns } from "./schema.ts";

export { ColumnFile } from "./file.ts";
export { toParquet } from "./parquet.ts";
export type { Columns, Row, Schema } from "./schema.ts";

/** Reads a table in either format, by the file's ending. @throws FaultlineError `journal` when it is neither. */
export async function readColumns(path: string): Promise<Columns> {
  return path.endsWith(".parquet") ? readParquet(path) : readColumnFile(path);
}
