/** A table of measurements: named columns of fixed width, texts by their number in a dictionary. */
export type ColumnKind = "f64" | "i64" | "i32" | "u8" | "string";
export interface ColumnSpec {
  readonly name: string;
  readonly kind: ColumnKind;
}
export type Schema = readonly ColumnSpec[];
/** Facts about the whole file: where its clock is zero, and the like. */
export type Metadata = Readonly<Record<string, string>>;

/** Bytes of one value in a row. An `i64` is a whole number up to 2^53. */
export const WIDTH: Readonly<Record<ColumnKind, number>> = { f64: 8, i64: 8, i32: 4, u8: 1, string: 4 };

export type Row = readonly (number | string)[];

/** Texts of which there are few different ones. */
export interface TextColumn {
  readonly kind: "string";
  readonly codes: Uint32Array;
  readonly values: readonly string[];
}
export interface NumberColumn {
  readonly kind: "f64" | "i64" | "i32" | "u8";
  /** An `i64` column comes as doubles, which hold it exactly. */
  readonly values: Float64Array | Int32Array | Uint8Array;
}
export type Column = TextColumn | NumberColumn;

export interface Columns {
  readonly length: number;
  readonly metadata: Metadata;
  readonly columns: Readonly<Record<string, Column>>;
  /** Bytes at the end that were not whole: what was being written when the writer died. */
  readonly tornBytes: number;
}
