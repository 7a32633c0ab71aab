/** Where the waiting begins: what a script has of k6's API. */
import type { Binding, ModuleScopes } from "./scope.ts";
import { MODULES } from "./supported.ts";
import { type AnyNode, nameOf } from "./tree.ts";

export interface Seeds {
  /** Variables that are functions of k6 that wait. */
  readonly bindings: readonly { readonly binding: Binding; readonly scopes: ModuleScopes }[];
  /** Methods that wait on whatever object: where `http` itself goes as a value is not followed. */
  readonly names: readonly string[];
}

export function seedsOf(modules: readonly ModuleScopes[]): Seeds {
  const bindings: { binding: Binding; scopes: ModuleScopes }[] = [];
  const names: string[] = [];
  for (const scopes of modules) {
    for (const binding of scopes.bindings) {
      const support = MODULES[binding.imported?.from ?? ""];
      if (binding.imported === null || support === undefined) continue;
      const { name } = binding.imported;
      if (support.blocking.includes(name)) bindings.push({ binding, scopes });
      if (name !== "default" && name !== "*") continue;
      for (const reference of binding.references) {
        const taken = destructured(reference, support.blocking, scopes);
        if (taken !== null) bindings.push(...taken.map((one) => ({ binding: one, scopes })));
        else if (!isObjectOfMember(reference, scopes)) names.push(...support.blocking);
      }
    }
  }
  return { bindings, names };
}

/** `http` in `http.get` */
function isObjectOfMember(reference: AnyNode, scopes: ModuleScopes): boolean {
  const parent = scopes.parents.get(reference);
  return parent?.type === "MemberExpression" && parent.object === reference;
}

/** What `const { get, post } = http` names; null where the reference is no such thing. */
function destructured(reference: AnyNode, blocking: readonly string[], scopes: ModuleScopes): Binding[] | null {
  const parent = scopes.parents.get(reference);
  if (parent?.type !== "VariableDeclarator" || parent.id.type !== "ObjectPattern") return null;
  return parent.id.properties.flatMap((property) => {
    if (property.type !== "Property" || !blocking.includes(nameOf(property.key))) return [];
    const binding = scopes.declaredBy(property.value);
    return binding === undefined ? [] : [binding];
  });
}
