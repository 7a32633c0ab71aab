/** Questions about the nodes of a syntax tree. */
import type { AnyNode, Function as FunctionNode, Identifier } from "acorn";
import type { Binding, ModuleScopes } from "./scope.ts";

export type { AnyNode, FunctionNode, Identifier };

/** Stands for the names that are not known before the run: elements of arrays, computed properties. */
export const ELEMENTS = "[]";

export function isFunction(node: AnyNode): node is FunctionNode & AnyNode {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

/** The nodes directly below, in the order of the text. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item === "object" && item !== null && typeof item.type === "string") children.push(item as AnyNode);
    }
  }
  return children;
}

/** The names that a pattern binds. */
export function identifiersOf(pattern: AnyNode): Identifier[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern];
    case "AssignmentPattern":
      return identifiersOf(pattern.left);
    case "RestElement":
      return identifiersOf(pattern.argument);
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : identifiersOf(element)));
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        identifiersOf(property.type === "RestElement" ? property.argument : property.value),
      );
    default:
      return [];
  }
}

export function nameOf(node: AnyNode): string {
  if (node.type === "Identifier" || node.type === "PrivateIdentifier") return node.name;
  return node.type === "Literal" ? String(node.value) : "";
}

/** null where it is computed. */
export function memberName(node: AnyNode): string | null {
  if (node.type !== "MemberExpression") return null;
  return node.computed && node.property.type !== "Literal" ? null : nameOf(node.property);
}

export function isCallee(node: AnyNode, scopes: ModuleScopes): boolean {
  const parent = scopes.parents.get(node);
  return parent?.type === "CallExpression" && parent.callee === node;
}

/** The statement that would carry `export` for this binding. */
export function declarationOf(binding: Binding, scopes: ModuleScopes): AnyNode {
  if (binding.declaration.type !== "VariableDeclarator") return binding.declaration;
  return scopes.parents.get(binding.declaration) ?? binding.declaration;
}

export function enclosingFunction(
  node: AnyNode,
  scopes: ModuleScopes,
): { readonly function: (FunctionNode & AnyNode) | null; readonly blockedBy?: string } {
  let child = node;
  for (let at = scopes.parents.get(node); at !== undefined; at = scopes.parents.get(at)) {
    if (isFunction(at)) {
      if (at.body === child) return { function: at };
      return { function: null, blockedBy: "the default value of a parameter" };
    }
    if (at.type === "PropertyDefinition" && at.value === child) {
      return { function: null, blockedBy: "the initial value of a field" };
    }
    if (at.type === "StaticBlock") return { function: null, blockedBy: "a static block" };
    child = at;
  }
  return { function: null };
}

/** `a?.b().c`: waiting for b() alone would lose what the chain does when `a` is not there. */
export function isInsideOptionalChain(call: AnyNode, scopes: ModuleScopes): boolean {
  let child = call;
  for (let at = scopes.parents.get(call); at !== undefined; at = scopes.parents.get(at)) {
    if (at.type === "ChainExpression") return child !== call && hasOptionalLink(call);
    const goesOn =
      (at.type === "MemberExpression" && at.object === child) || (at.type === "CallExpression" && at.callee === child);
    if (!goesOn) return false;
    child = at;
  }
  return false;
}

function hasOptionalLink(node: AnyNode): boolean {
  if (node.type === "CallExpression") return node.optional || hasOptionalLink(node.callee);
  return node.type === "MemberExpression" && (node.optional || hasOptionalLink(node.object));
}

export function textOf(node: AnyNode, scopes: ModuleScopes): string {
  const subject = node.type === "CallExpression" || node.type === "NewExpression" ? node.callee : node;
  const text = scopes.module.code.slice(subject.start, subject.end).replace(/\s+/g, " ");
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Why a function that waits cannot be async; null when it can. */
export function whyNotAsync(fn: FunctionNode, parent: AnyNode | undefined): string | null {
  if (fn.generator) return "a generator that waits is not supported";
  const kind = parent?.type === "MethodDefinition" || parent?.type === "Property" ? parent.kind : "";
  if (kind === "get" || kind === "set") return `a ${kind}ter that waits is not supported; make it a method`;
  return kind === "constructor" ? "a constructor that waits is not supported; use a method" : null;
}

/** The parameter that takes the argument at this place. */
export function parameterAt(fn: FunctionNode, index: number): AnyNode | undefined {
  const last = fn.params.at(-1);
  return fn.params[index] ?? (last?.type === "RestElement" ? last : undefined);
}
