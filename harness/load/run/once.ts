/** A script's `setup` and `teardown`. */
import { messageOf } from "../../errors.ts";
import { instantiate, type ScriptModule } from "../k6/instance.ts";
import type { Runtime } from "../k6/runtime.ts";
import { Vu } from "../k6/vu.ts";
import type { LoadConfig } from "../protocol.ts";

/**
 * Runs the function, if the script has it, in a virtual user of its own.
 * @throws Error what it throws, or that it did not end in time
 */
export async function runOnce(
  runtime: Runtime,
  input: { readonly config: LoadConfig; readonly modules: readonly ScriptModule[] },
  name: "setup" | "teardown",
  parameters: readonly unknown[],
): Promise<unknown> {
  const { tags, setupTimeoutMs, teardownTimeoutMs } = runtime.options;
  const timeoutMs = name === "setup" ? setupTimeoutMs : teardownTimeoutMs;
  const vu = new Vu(0, name, tags, input.config.env);
  const run = instantiate(input.modules, vu, runtime)[name];
  if (typeof run !== "function") return undefined;
  vu.group = `::${name}`;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([run(...parameters), expired]);
  } catch (error) {
    throw new Error(`${name}(): ${messageOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    vu.interrupt();
  }
}
