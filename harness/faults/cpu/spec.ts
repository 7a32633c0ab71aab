/** What a spec says in numbers. Pure. */

interface Bounds {
  readonly least: number;
  readonly most: number;
  /** Fractions are no mistake. */
  readonly fractions?: boolean;
}

export function numberProblems(path: string, value: unknown, { least, most, fractions = false }: Bounds) {
  const inside = typeof value === "number" && value >= least && value <= most;
  if (inside && (fractions || Number.isInteger(value))) return [];
  const message = `a ${fractions ? "" : "whole "}number from ${least} to ${most}, not ${JSON.stringify(value)}`;
  return [{ path, message }];
}
