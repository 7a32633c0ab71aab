/** From a script's path to code that runs, or to every reason why it cannot, each with its line. */
import { checkNames, exportedNames } from "./check.ts";
import { type Colouring, colour } from "./colour.ts";
import { emit } from "./emit.ts";
import { analyseScopes, type ModuleScopes } from "./scope.ts";
import { lineAt, readGraph, type ScriptProblem, type SourceModule } from "./source.ts";
import { type AnyNode, nameOf } from "./tree.ts";

export type { ScriptProblem } from "./source.ts";

export interface CompiledModule {
  readonly file: string;
  /** Body of a function with the parameters of `emit.ts`. */
  readonly code: string;
}

/** Plain data: it goes to the load process as a message. */
export interface CompiledScript {
  /** In the order in which they are to be evaluated; the script itself is the last. */
  readonly modules: readonly CompiledModule[];
  readonly problems: readonly ScriptProblem[];
  /** Lines of the parts of `options`: `scenarios.main.executor` → 12. */
  readonly optionLines: Readonly<Record<string, number>>;
}

const UNCOLOURED: Colouring = {
  asyncFunctions: new Set(),
  awaitedCalls: new Set(),
  sequentialCalls: new Set(),
  problems: [],
};

/** Reads files and nothing else: the script is not run. Never throws for what is in the script. */
export function compileScript(path: string): CompiledScript {
  const graph = readGraph(path);
  const scopes = graph.modules.map(analyseScopes);
  const exports = exportTable(graph.modules);
  const reassigned = reassignedExports(scopes);
  const colouring = colour(scopes);
  const problems = [
    ...graph.problems,
    ...scopes.flatMap((module) => checkNames(module, exports, reassigned)),
    ...colouring.problems,
  ];
  problems.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  const entry = scopes.at(-1);
  // A script with problems is still evaluated for its options, but an `await` in a wrong place would not parse.
  const applied = problems.length === 0 ? colouring : UNCOLOURED;
  return {
    modules: scopes.map((module) => ({ file: module.module.file, code: emit(module, applied) })),
    problems,
    optionLines: entry === undefined ? {} : optionLines(entry),
  };
}

function exportTable(modules: readonly SourceModule[]): Map<string, ReadonlySet<string>> {
  const table = new Map<string, ReadonlySet<string>>();
  for (const module of modules) {
    const names = new Set<string>();
    for (const statement of module.program.body) {
      for (const name of exportedNames(statement)) {
        if (name !== "*") names.add(name);
        else if (statement.type === "ExportAllDeclaration") {
          for (const inner of table.get(module.imports.get(String(statement.source.value)) ?? "") ?? [])
            names.add(inner);
        }
      }
    }
    table.set(module.file, names);
  }
  return table;
}

function reassignedExports(modules: readonly ModuleScopes[]): Set<string> {
  const found = new Set<string>();
  for (const scopes of modules) {
    const reassigned = new Set(scopes.bindings.filter((binding) => binding.reassigned).map((binding) => binding.name));
    for (const statement of scopes.module.program.body) {
      for (const name of exportedNames(statement)) if (reassigned.has(name)) found.add(`${scopes.module.file}:${name}`);
    }
  }
  return found;
}

function optionLines(entry: ModuleScopes): Record<string, number> {
  const lines: Record<string, number> = {};
  const options = entry.bindings.find((binding) => binding.name === "options");
  const walk = (node: AnyNode, path: string) => {
    if (node.type !== "ObjectExpression") return;
    for (const property of node.properties) {
      if (property.type !== "Property" || property.computed) continue;
      const inner = path === "" ? nameOf(property.key) : `${path}.${nameOf(property.key)}`;
      lines[inner] = lineAt(entry.module.code, property.start);
      walk(property.value, inner);
    }
  };
  if (options?.declaration.type === "VariableDeclarator") {
    lines[""] = lineAt(entry.module.code, options.declaration.start);
    if (options.declaration.init) walk(options.declaration.init, "");
  }
  return lines;
}
