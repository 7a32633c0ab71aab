/** Ctrl-C: the first asks the run to end well, the second says what is left and ends at once. */
import { FaultlineError } from "../errors.ts";

/** @param onSecond says what is left and how to put it right; the process ends after it with exit code 3. */
export function stopOnSignals(
  progress: (line: string) => void,
  onSecond: () => void,
): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      onSecond();
      process.exit(3);
    }
    progress(`${name}: stopping the load, reverting the faults, writing what there is; again to end at once`);
    controller.abort(new FaultlineError("interrupted", `stopped by ${name}`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
