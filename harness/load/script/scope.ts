/** Names and what they stand for: which identifier refers to which declaration, and who encloses whom. */
import type { SourceModule } from "./source.ts";
import { type AnyNode, childrenOf, type Identifier, identifiersOf, nameOf } from "./tree.ts";

export interface Binding {
  readonly name: string;
  readonly module: SourceModule;
  /** The declaring node: declarator, function, class, parameter or import specifier. */
  readonly declaration: AnyNode;
  /** What it is once and for all, where that is known: a `const`'s or function's value. */
  readonly value: AnyNode | null;
  /** For an import: where from, and the name there ("default", "*" for all). */
  readonly imported: { readonly from: string; readonly name: string } | null;
  readonly references: Identifier[];
  reassigned: boolean;
}

interface Scope {
  readonly names: Map<string, Binding>;
  readonly parent: Scope | null;
  readonly isFunction: boolean;
}

export interface ModuleScopes {
  readonly module: SourceModule;
  readonly bindings: readonly Binding[];
  readonly parents: ReadonlyMap<AnyNode, AnyNode>;
  /** Identifiers that nothing in the module declares. */
  readonly globals: readonly Identifier[];
  bindingOf(identifier: AnyNode): Binding | undefined;
  /** The binding that a declaring identifier makes. */
  declaredBy(identifier: AnyNode): Binding | undefined;
}

export function analyseScopes(module: SourceModule): ModuleScopes {
  const analysis = new Analysis(module);
  analysis.visit(module.program, newScope(null, true), null);
  analysis.resolveAll();
  return analysis;
}

function newScope(parent: Scope | null, isFunction: boolean): Scope {
  return { names: new Map(), parent, isFunction };
}

class Analysis implements ModuleScopes {
  readonly module: SourceModule;
  readonly bindings: Binding[] = [];
  readonly parents = new Map<AnyNode, AnyNode>();
  readonly globals: Identifier[] = [];
  readonly #resolved = new Map<AnyNode, Binding>();
  readonly #declared = new Map<AnyNode, Binding>();
  readonly #uses: { identifier: Identifier; scope: Scope; writes: boolean }[] = [];

  constructor(module: SourceModule) {
    this.module = module;
  }

  bindingOf(identifier: AnyNode): Binding | undefined {
    return this.#resolved.get(identifier);
  }
  declaredBy(identifier: AnyNode): Binding | undefined {
    return this.#declared.get(identifier);
  }

  visit(node: AnyNode, scope: Scope, parent: AnyNode | null): void {
    if (parent !== null) this.parents.set(node, parent);
    if (node.type === "Identifier") {
      if (!this.#declared.has(node) && isReference(node, parent)) {
        this.#uses.push({ identifier: node, scope, writes: isWrite(node, parent) });
      }
      return;
    }
    const inner = this.#declare(node, scope);
    for (const child of childrenOf(node)) {
      // `{ a }`: key and value are one identifier; the value is what counts.
      if (node.type === "Property" && node.shorthand && child === node.key) continue;
      this.visit(child, inner, node);
    }
  }

  resolveAll(): void {
    for (const { identifier, scope, writes } of this.#uses) {
      let at: Scope | null = scope;
      while (at !== null && !at.names.has(identifier.name)) at = at.parent;
      const binding = at?.names.get(identifier.name);
      if (binding === undefined) {
        this.globals.push(identifier);
        continue;
      }
      this.#resolved.set(identifier, binding);
      binding.references.push(identifier);
      if (writes) binding.reassigned = true;
    }
  }

  /** Enters what the node declares; returns the scope of what is below it. */
  #declare(node: AnyNode, scope: Scope): Scope {
    switch (node.type) {
      case "ImportDeclaration":
        for (const specifier of node.specifiers) {
          const name =
            specifier.type === "ImportDefaultSpecifier"
              ? "default"
              : specifier.type === "ImportNamespaceSpecifier"
                ? "*"
                : nameOf(specifier.imported);
          const from = this.module.imports.get(String(node.source.value)) ?? "";
          this.#add(scope, specifier.local, specifier, null, { from, name });
          if (specifier.type === "ImportSpecifier" && specifier.imported !== specifier.local) {
            this.#declared.set(specifier.imported, NO_BINDING);
          }
        }
        return scope;
      case "VariableDeclaration": {
        const target = node.kind === "var" ? functionScope(scope) : scope;
        for (const declarator of node.declarations) {
          const value = node.kind === "const" && declarator.id.type === "Identifier" ? (declarator.init ?? null) : null;
          for (const id of identifiersOf(declarator.id)) this.#add(target, id, declarator, value);
        }
        return scope;
      }
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression": {
        if (node.type === "FunctionDeclaration" && node.id !== null) this.#add(scope, node.id, node, node);
        const inner = newScope(scope, true);
        if (node.type === "FunctionExpression" && node.id) this.#add(inner, node.id, node, node);
        for (const parameter of node.params) {
          for (const id of identifiersOf(parameter)) this.#add(inner, id, parameter, null);
        }
        return inner;
      }
      case "ClassDeclaration":
      case "ClassExpression": {
        if (node.type === "ClassDeclaration" && node.id !== null) this.#add(scope, node.id, node, node);
        const inner = newScope(scope, false);
        if (node.type === "ClassExpression" && node.id) this.#add(inner, node.id, node, node);
        return inner;
      }
      case "CatchClause": {
        const inner = newScope(scope, false);
        if (node.param) for (const id of identifiersOf(node.param)) this.#add(inner, id, node, null);
        return inner;
      }
      case "BlockStatement":
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "SwitchStatement":
        return newScope(scope, false);
      case "StaticBlock":
        return newScope(scope, true);
      default:
        return scope;
    }
  }

  #add(
    scope: Scope,
    id: Identifier,
    declaration: AnyNode,
    value: AnyNode | null,
    imported: Binding["imported"] = null,
  ): void {
    const { module } = this;
    const binding = { name: id.name, module, declaration, value, imported, references: [], reassigned: false };
    scope.names.set(id.name, binding);
    this.#declared.set(id, binding);
    this.bindings.push(binding);
  }
}

/** Stands for identifiers that are names only, such as `a` in `import { a as b }`. */
const NO_BINDING: Binding = Object.freeze({
  name: "",
  module: undefined as unknown as SourceModule,
  declaration: undefined as unknown as AnyNode,
  value: null,
  imported: null,
  references: [],
  reassigned: false,
});

function functionScope(scope: Scope): Scope {
  let at = scope;
  while (!at.isFunction && at.parent !== null) at = at.parent;
  return at;
}

function isReference(node: Identifier, parent: AnyNode | null): boolean {
  switch (parent?.type) {
    case "MemberExpression":
      return parent.object === node || parent.computed;
    case "Property":
      return parent.value === node || parent.computed;
    case "MethodDefinition":
    case "PropertyDefinition":
      return parent.value === node || parent.computed;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
    case "ExportAllDeclaration":
      return false;
    case "ExportSpecifier":
      return parent.local === node;
    default:
      return true;
  }
}

function isWrite(node: Identifier, parent: AnyNode | null): boolean {
  if (parent?.type === "AssignmentExpression" || parent?.type === "AssignmentPattern") return parent.left === node;
  return parent?.type === "UpdateExpression" || parent?.type === "ArrayPattern";
}
