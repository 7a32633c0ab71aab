/** Whom a call means, and who gets what a module exports. */
import type { Binding, ModuleScopes } from "./scope.ts";
import { MODULES } from "./supported.ts";
import { type AnyNode, isFunction, nameOf } from "./tree.ts";

export type Located = { readonly node: AnyNode; readonly scopes: ModuleScopes };

/** A variable, or, for a whole module under one name (`import * as api`), the name of a property. */
export type Importer =
  | { readonly binding: Binding; readonly scopes: ModuleScopes }
  | { readonly binding: null; readonly name: string };

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

  /** Who gets what a module exports under this name, through re-exports too. */
  importersOf(name: string, from: ModuleScopes): Importer[] {
    return this.#modules.flatMap((scopes) => [
      ...scopes.bindings.flatMap((binding): Importer[] => {
        if (binding.imported?.from !== from.module.file) return [];
        if (binding.imported.name === "*") return [{ binding: null, name }];
        return binding.imported.name === name ? [{ binding, scopes }] : [];
      }),
      ...scopes.module.program.body.flatMap((statement) => this.#reexportersOf(statement, name, from, scopes)),
    ]);
  }

  #reexportersOf(statement: AnyNode, name: string, from: ModuleScopes, via: ModuleScopes): Importer[] {
    const isExport = statement.type === "ExportAllDeclaration" || statement.type === "ExportNamedDeclaration";
    if (!isExport || !statement.source) return [];
    if (via.module.imports.get(String(statement.source.value)) !== from.module.file) return [];
    if (statement.type === "ExportAllDeclaration") {
      return statement.exported ? [{ binding: null, name }] : this.importersOf(name, via);
    }
    return statement.specifiers.flatMap((specifier) =>
      nameOf(specifier.local) === name ? this.importersOf(nameOf(specifier.exported), via) : [],
    );
  }
}
