/** Evaluates a compiled script: once for each virtual user, so that what it keeps in variables is that user's own. */
import { Script } from "node:vm";
import type { CompiledScript } from "../script/compile.ts";
import { PARAMETERS } from "../script/parameters.ts";
import { MODULES } from "../script/supported.ts";
import { coreModule, executionModule, metricsModule } from "./core.ts";
import { httpModule } from "./http.ts";
import type { Runtime } from "./runtime.ts";
import type { Vu } from "./vu.ts";

type ModuleBody = (...parameters: unknown[]) => void;
export type Exports = Readonly<Record<string, unknown>>;
export interface ScriptModule {
  readonly file: string;
  readonly body: ModuleBody;
}

/** Parses the compiled modules once; virtual users share the code, not its variables. @throws SyntaxError */
export function loadModules(script: CompiledScript): ScriptModule[] {
  return script.modules.map(({ file, code }) => {
    const wrapped = `(function (${PARAMETERS.join(", ")}) {${code}\n})`;
    return { file, body: new Script(wrapped, { filename: file }).runInThisContext() as ModuleBody };
  });
}

/** Runs the init code for a virtual user. @returns what the script exports. @throws what the init code throws */
export function instantiate(modules: readonly ScriptModule[], vu: Vu, runtime: Runtime): Exports {
  const evaluated = new Map<string, Exports>();
  const importing = (name: string): unknown => evaluated.get(name) ?? api(name, vu, runtime, evaluated);
  let last: Exports = {};
  for (const { file, body } of modules) {
    const exports: Record<string, unknown> = {};
    const exporting = (name: string, get: () => unknown) =>
      void Object.defineProperty(exports, name, { get, enumerable: true, configurable: true });
    body(importing, exporting, vu, vu.env, console);
    evaluated.set(file, exports);
    last = exports;
  }
  return last;
}

function api(name: string, vu: Vu, runtime: Runtime, evaluated: Map<string, Exports>): unknown {
  const make = API[name];
  if (make === undefined) return MISSING;
  const exports = make(vu, runtime);
  const whole = MODULES[name]?.hasDefault ? { ...exports, default: exports } : exports;
  evaluated.set(name, whole);
  return whole;
}

const API: Readonly<Record<string, (vu: Vu, runtime: Runtime) => Record<string, unknown>>> = {
  k6: coreModule,
  "k6/http": httpModule,
  "k6/metrics": metricsModule,
  "k6/execution": executionModule,
  "k6/options": () => ({}),
};

/**
 * Stands for a module that is not there, while a script that cannot run anyway is evaluated for its options alone:
 * anything can be done with it, and nothing comes of it.
 */
const MISSING: unknown = new Proxy(function missing() {}, {
  get: (_target, name) => (name === Symbol.toPrimitive ? () => "" : MISSING),
  apply: () => MISSING,
  construct: () => MISSING as object,
});
