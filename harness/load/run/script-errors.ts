/** What a script threw, each with how often and where. */

/** Further different ones are counted together. */
const MAX_DIFFERENT = 20;

export class ScriptErrors {
  readonly #counts = new Map<string, number>();

  add(error: unknown): void {
    const message = describe(error);
    const key = this.#counts.has(message) || this.#counts.size < MAX_DIFFERENT ? message : "(others)";
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  list(): { message: string; count: number }[] {
    return [...this.#counts].map(([message, count]) => ({ message, count }));
  }
}

/** Message and the first place in the script, which the runner's own files are not. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = (error.stack ?? "").split("\n").find((line) => /^\s+at /.test(line) && !/file:\/\/|node:/.test(line));
  const where = /\(?((?:\/|\w:).*:\d+):\d+\)?$/.exec(place ?? "")?.[1];
  return where === undefined ? `${error.name}: ${error.message}` : `${error.name}: ${error.message} (${where})`;
}
