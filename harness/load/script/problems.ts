/** Problems of a script, each said once. */
import type { ModuleScopes } from "./scope.ts";
import { lineAt, type ScriptProblem } from "./source.ts";
import type { AnyNode } from "./tree.ts";

export class Problems {
  readonly list: ScriptProblem[] = [];
  readonly #said = new Set<string>();

  report(node: AnyNode, scopes: ModuleScopes, message: string): void {
    const { file, code } = scopes.module;
    const line = lineAt(code, node.start);
    const key = `${file}:${line}:${message}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.list.push({ file, line, message });
  }
}
