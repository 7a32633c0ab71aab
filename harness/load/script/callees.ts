/** Whom a call means. */
import type { ModuleScopes } from "./scope.ts";
import { MODULES } from "./supported.ts";
import { type AnyNode, isFunction, nameOf } from "./tree.ts";

export type Located = { readonly node: AnyNode; readonly scopes: ModuleScopes };

export class Callees {
  readonly #modules: readonly ModuleScopes[];
  readonly #byName = new Map<string, Located[]>();

  constructor(modules: readonly ModuleScopes[]) {
    this.#modules = modules;
    for (const scopes of modules) {
      for (const [node, parent] of scopes.parents) {
        const isValue =
          (parent.type === "Property" || parent.type === "MethodDefinition" || parent.type === "PropertyDefinition") &&
          parent.value === node;
        if (isValue && isFunction(node)) {
          const name = nameOf(parent.key);
          this.#byName.set(name, [...(this.#byName.get(name) ?? []), { node, scopes }]);
        }
      }
    }
  }

  /** Name in k6's API that this callee is, "" where it is none. */
  apiName(callee: AnyNode, scopes: ModuleScopes): string {
    const isMember = callee.type === "MemberExpression";
    const object = isMember ? callee.object : callee;
    const imported = scopes.bindingOf(object)?.imported;
    if (imported === null || imported === undefined || !(imported.from in MODULES)) return "";
    return isMember ? nameOf(callee.property) : imported.name;
  }

  /** The functions of the script that a call may mean: by its name, through imports, or any method of that name. */
  functions(callee: AnyNode, method: string, scopes: ModuleScopes): Located[] {
    const found = method === "" ? this.#valueOf(callee, scopes) : null;
    if (found !== null) return isFunction(found.node) ? [found] : [];
    return this.#byName.get(method) ?? [];
  }

  /** The function that a name stands for, through imports. */
  #valueOf(callee: AnyNode, scopes: ModuleScopes): Located | null {
    if (isFunction(callee)) return { node: callee, scopes };
    const binding = callee.type === "Identifier" ? scopes.bindingOf(callee) : undefined;
    if (binding === undefined) return null;
    if (binding.value !== null) return { node: binding.value, scopes };
    const home = this.#modules.find((candidate) => candidate.module.file === binding.imported?.from);
    const original = home?.bindings.find((candidate) => candidate.name === binding.imported?.name);
    return home !== undefined && original?.value ? { node: original.value, scopes: home } : null;
  }
}
