/** Things to do later, all of which can be done at once when there is no reason to wait any more. */

export class Held {
  readonly #waiting = new Set<() => void>();

  /** @returns how to forget it. */
  hold(untilMs: number, run: () => void): () => void {
    const forget = () => {
      clearTimeout(timer);
      this.#waiting.delete(release);
    };
    const release = () => {
      forget();
      run();
    };
    const timer = setTimeout(release, Math.max(0, Math.ceil(untilMs - performance.now())));
    this.#waiting.add(release);
    return forget;
  }

  releaseAll(): void {
    for (const release of this.#waiting) release();
  }
}
