/**
 * Compiles a script in a process that ends with it: the parser and the compiler for types would stay in the harness for
 * the rest of a run, with 10 MB.
 */
import { fileURLToPath } from "node:url";
import { exec } from "../../cluster/exec.ts";
import type { CompiledScript } from "./compile.ts";

const TIMEOUT_MS = 60_000;

/** Like `compileScript`. @throws FaultlineError `command-failed` when the process dies. */
export async function compileApart(path: string): Promise<CompiledScript> {
  const args = ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), path];
  const { stdout } = await exec(process.execPath, args, { timeoutMs: TIMEOUT_MS });
  return JSON.parse(stdout) as CompiledScript;
}

if (import.meta.main) {
  const { compileScript } = await import("./compile.ts");
  process.stdout.write(JSON.stringify(compileScript(process.argv[2] ?? "")));
}
