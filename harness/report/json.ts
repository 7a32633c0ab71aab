/** `verdict.json`: the verdict for machines. */
import type { RunVerdict } from "../types.ts";
import { verdictSchema } from "./verdict-schema.ts";

/**
 * The verdict as JSON text.
 * @throws ZodError when the verdict does not fit its schema: JSON would turn a NaN into null without a word.
 */
export function jsonReport(verdict: RunVerdict): string {
  return `${JSON.stringify(verdictSchema.parse(verdict), null, 2)}\n`;
}
