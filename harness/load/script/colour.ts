/**
 * Which calls of a script wait, and which functions therefore must be async.
 *
 * k6's API is synchronous: `const r = http.get(url)`. Here thousands of virtual users share one thread, so each call
 * that waits becomes `await`, each function that holds one becomes async, calls to such a function wait too, and so
 * on until nothing changes. Methods are followed by their name alone: an `await` too many does no harm, since each
 * virtual user has an instance of the script for itself. What cannot be done that way is a problem with its line.
 */
import type { CallExpression } from "acorn";
import { Callees, type Located } from "./callees.ts";
import type { Binding, ModuleScopes } from "./scope.ts";
import { lineAt, type ScriptProblem } from "./source.ts";
import { MODULES, SEQUENTIAL_METHODS, SYNCHRONOUS_METHODS } from "./supported.ts";
import {
  type AnyNode,
  declarationOf,
  enclosingFunction,
  type FunctionNode,
  isCallee,
  isInsideOptionalChain,
  memberName,
  nameOf,
  textOf,
} from "./tree.ts";

export interface Colouring {
  readonly asyncFunctions: ReadonlySet<AnyNode>;
  readonly awaitedCalls: ReadonlySet<AnyNode>;
  /** Calls of `forEach` and `map` that become a loop that waits. */
  readonly sequentialCalls: ReadonlySet<AnyNode>;
  readonly problems: readonly ScriptProblem[];
}

export function colour(modules: readonly ModuleScopes[]): Colouring {
  const colouring = new Colourer(modules);
  colouring.run();
  return colouring;
}

/** Stands for the names that are not known before the run: elements of arrays, computed properties. */
const ELEMENTS = "[]";

class Colourer implements Colouring {
  readonly asyncFunctions = new Set<AnyNode>();
  readonly awaitedCalls = new Set<AnyNode>();
  readonly sequentialCalls = new Set<AnyNode>();
  readonly problems: ScriptProblem[] = [];
  readonly #modules: readonly ModuleScopes[];
  readonly #bindings = new Set<Binding>();
  /** Names of methods and properties that hold a waiting function. */
  readonly #names = new Set<string>();
  readonly #calls: Located[] = [];
  readonly #members: Located[] = [];
  readonly #callees: Callees;
  readonly #flowed = new Set<AnyNode>();
  readonly #reported = new Set<string>();

  constructor(modules: readonly ModuleScopes[]) {
    this.#modules = modules;
    this.#callees = new Callees(modules);
    for (const scopes of modules) {
      for (const node of scopes.parents.keys()) {
        if (node.type === "CallExpression") this.#calls.push({ node, scopes });
        if (node.type === "MemberExpression") this.#members.push({ node, scopes });
      }
    }
  }

  run(): void {
    for (const scopes of this.#modules) for (const binding of scopes.bindings) this.#seed(binding, scopes);
    let before = -1;
    while (before !== this.#size()) {
      before = this.#size();
      for (const { node, scopes } of this.#calls) this.#call(node as CallExpression & AnyNode, scopes);
      for (const { node, scopes } of this.#members) {
        if (this.#isWaitingMember(node, scopes)) this.#flow(node, scopes, false);
      }
    }
  }

  #size(): number {
    return this.awaitedCalls.size + this.asyncFunctions.size + this.#bindings.size + this.#names.size;
  }

  /** What k6 exports is where the waiting begins. */
  #seed(binding: Binding, scopes: ModuleScopes): void {
    const support = MODULES[binding.imported?.from ?? ""];
    if (binding.imported === null || support === undefined) return;
    if (support.blocking.includes(binding.imported.name)) this.#bind(binding, scopes);
    if (binding.imported.name !== "default" && binding.imported.name !== "*") return;
    for (const reference of binding.references) this.#seedObject(reference, support.blocking, scopes);
  }

  /** `http` as a value of its own: where it goes is not followed, its methods count by name from then on. */
  #seedObject(reference: AnyNode, blocking: readonly string[], scopes: ModuleScopes): void {
    const parent = scopes.parents.get(reference);
    if (parent?.type === "MemberExpression" && parent.object === reference) return;
    if (parent?.type === "VariableDeclarator" && parent.id.type === "ObjectPattern") {
      for (const property of parent.id.properties) {
        if (property.type !== "Property" || !blocking.includes(nameOf(property.key))) continue;
        const binding = scopes.declaredBy(property.value);
        if (binding !== undefined) this.#bind(binding, scopes);
      }
      return;
    }
    for (const name of blocking) this.#names.add(name);
  }

  // ------------------------------------------------------------------------------------------------- calls

  #call(call: CallExpression & AnyNode, scopes: ModuleScopes): void {
    if (this.awaitedCalls.has(call) || !this.#isWaiting(call.callee, scopes)) return;
    this.#awaitCall(call, scopes);
  }

  #awaitCall(call: AnyNode, scopes: ModuleScopes): void {
    if (this.awaitedCalls.has(call)) return;
    this.awaitedCalls.add(call);
    const text = textOf(call, scopes);
    if (isInsideOptionalChain(call, scopes)) {
      this.#problem(call, scopes, `${text} waits in the middle of an optional chain; use a variable for its result`);
      return;
    }
    const owner = enclosingFunction(call, scopes);
    if (owner.function === null) {
      const where = owner.blockedBy ?? "the init context, where k6 allows neither requests nor sleep";
      this.#problem(call, scopes, `${text} waits in ${where}`);
      return;
    }
    if (owner.function.async && !this.asyncFunctions.has(owner.function)) return;
    this.#makeAsync(owner.function, text, scopes);
  }

  #makeAsync(fn: FunctionNode & AnyNode, because: string, scopes: ModuleScopes): void {
    if (this.asyncFunctions.has(fn)) return;
    const parent = scopes.parents.get(fn);
    const kind = parent?.type === "MethodDefinition" || parent?.type === "Property" ? parent.kind : "";
    if (fn.generator) {
      this.#problem(fn, scopes, `a generator that waits (${because}) is not supported`);
      return;
    }
    if (kind === "get" || kind === "set") {
      this.#problem(fn, scopes, `a ${kind}ter that waits (${because}) is not supported; make it a method`);
      return;
    }
    if (kind === "constructor") {
      this.#problem(fn, scopes, `a constructor that waits (${because}) is not supported; use a method`);
      return;
    }
    this.asyncFunctions.add(fn);
    const id = fn.type === "FunctionDeclaration" || fn.type === "FunctionExpression" ? fn.id : null;
    const own = id ? scopes.declaredBy(id) : undefined;
    if (own !== undefined) this.#bind(own, scopes);
    if (parent?.type === "ExportDefaultDeclaration") this.#exported("default", scopes);
    else if (fn.type !== "FunctionDeclaration") this.#flow(fn, scopes, true);
  }

  #isWaiting(callee: AnyNode, scopes: ModuleScopes): boolean {
    switch (callee.type) {
      case "Identifier": {
        const binding = scopes.bindingOf(callee);
        return binding !== undefined && this.#bindings.has(binding);
      }
      case "MemberExpression":
        return this.#isWaitingMember(callee, scopes);
      case "ParenthesizedExpression":
      case "ChainExpression":
        return this.#isWaiting(callee.expression, scopes);
      case "ConditionalExpression":
        return this.#isWaiting(callee.consequent, scopes) || this.#isWaiting(callee.alternate, scopes);
      case "LogicalExpression":
        return this.#isWaiting(callee.left, scopes) || this.#isWaiting(callee.right, scopes);
      default:
        return this.asyncFunctions.has(callee);
    }
  }

  #isWaitingMember(node: AnyNode, scopes: ModuleScopes): boolean {
    if (node.type !== "MemberExpression") return false;
    const object = node.object.type === "Identifier" ? scopes.bindingOf(node.object) : undefined;
    const name = memberName(node);
    const support = MODULES[object?.imported?.from ?? ""];
    if (support !== undefined) return name === null || support.blocking.includes(name);
    if (name === null) return this.#names.size > 0 && isCallee(node, scopes);
    return this.#names.has(name) || (node.computed && this.#names.has(ELEMENTS));
  }

  // -------------------------------------------------------------------------------------------------- flow

  #bind(binding: Binding, scopes: ModuleScopes): void {
    if (this.#bindings.has(binding)) return;
    this.#bindings.add(binding);
    for (const reference of binding.references) this.#flow(reference, scopes, true);
    const exporting = scopes.parents.get(declarationOf(binding, scopes));
    if (exporting?.type === "ExportNamedDeclaration") this.#exported(binding.name, scopes);
    if (exporting?.type === "ExportDefaultDeclaration") this.#exported("default", scopes);
  }

  #exported(name: string, scopes: ModuleScopes): void {
    for (const importing of this.#modules) {
      for (const binding of importing.bindings) {
        if (binding.imported?.from !== scopes.module.file) continue;
        if (binding.imported.name === name) this.#bind(binding, importing);
        if (binding.imported.name === "*") this.#names.add(name);
      }
      for (const statement of importing.module.program.body) this.#reexport(statement, name, scopes, importing);
    }
  }

  #reexport(statement: AnyNode, name: string, from: ModuleScopes, via: ModuleScopes): void {
    const isExport = statement.type === "ExportAllDeclaration" || statement.type === "ExportNamedDeclaration";
    if (!isExport || !statement.source) return;
    if (via.module.imports.get(String(statement.source.value)) !== from.module.file) return;
    if (statement.type === "ExportAllDeclaration") {
      if (statement.exported) this.#names.add(name);
      else this.#exported(name, via);
      return;
    }
    for (const specifier of statement.specifiers) {
      if (nameOf(specifier.local) === name) this.#exported(nameOf(specifier.exported), via);
    }
  }

  /**
   * A waiting function is the value of this expression: where does it go?
   * `certain` is false for members known by their name only, whose misuse is no problem yet.
   */
  #flow(value: AnyNode, scopes: ModuleScopes, certain: boolean): void {
    if (this.#flowed.has(value)) return;
    this.#flowed.add(value);
    const parent = scopes.parents.get(value);
    switch (parent?.type) {
      case "VariableDeclarator":
      case "AssignmentPattern":
        this.#flowInto(parent.type === "VariableDeclarator" ? parent.id : parent.left, scopes);
        return;
      case "AssignmentExpression":
        if (parent.right === value) this.#flowInto(parent.left, scopes);
        return;
      case "Property":
      case "PropertyDefinition":
      case "MethodDefinition":
        if (parent.value !== value) return;
        this.#names.add(nameOf(parent.key));
        if (certain) this.#refuseCheck(parent, scopes);
        return;
      case "ArrayExpression":
        this.#names.add(ELEMENTS);
        return;
      case "CallExpression":
      case "NewExpression":
        if (parent.callee === value) return;
        this.#argument(parent, value, scopes, certain);
        return;
      case "ConditionalExpression":
        if (parent.test !== value) this.#flow(parent, scopes, certain);
        return;
      case "LogicalExpression":
      case "SequenceExpression":
      case "ParenthesizedExpression":
      case "ChainExpression":
        this.#flow(parent, scopes, certain);
        return;
      case "ExportSpecifier":
        this.#exported(nameOf(parent.exported), scopes);
        return;
      case "ExportDefaultDeclaration":
        this.#exported("default", scopes);
        return;
      case "ReturnStatement":
      case "ArrowFunctionExpression":
      case "SpreadElement":
      case "YieldExpression":
        if (certain) this.#problem(value, scopes, `${textOf(value, scopes)} waits and is returned as a value`);
        return;
      default:
        return;
    }
  }

  /** `check(r, { ok: () => http.get(…) })`: a check is decided at once. */
  #refuseCheck(property: AnyNode, scopes: ModuleScopes): void {
    const call = scopes.parents.get(scopes.parents.get(property) ?? property);
    if (call?.type !== "CallExpression" || this.#callees.apiName(call.callee, scopes) !== "check") return;
    this.#problem(property, scopes, "a call that waits is inside a check; make it before, and check its result");
  }

  #flowInto(target: AnyNode, scopes: ModuleScopes): void {
    if (target.type === "MemberExpression") {
      this.#names.add(memberName(target) ?? ELEMENTS);
      return;
    }
    const binding = scopes.declaredBy(target) ?? scopes.bindingOf(target);
    if (binding !== undefined) this.#bind(binding, scopes);
  }

  #argument(call: AnyNode, value: AnyNode, scopes: ModuleScopes, certain: boolean): void {
    if (call.type === "NewExpression") {
      if (certain)
        this.#problem(value, scopes, `a call that waits is inside a callback of new ${textOf(call, scopes)}`);
      return;
    }
    if (call.type !== "CallExpression") return;
    const { callee } = call;
    const index = call.arguments.indexOf(value as (typeof call.arguments)[number]);
    const api = this.#callees.apiName(callee, scopes);
    if (api === "group") {
      this.#awaitCall(call, scopes);
      return;
    }
    const method = callee.type === "MemberExpression" && !callee.computed ? nameOf(callee.property) : "";
    const locals = this.#callees.functions(callee, method, scopes);
    if (locals.length > 0) {
      for (const { node, scopes: home } of locals) this.#parameter(node as FunctionNode, index, home);
      return;
    }
    if (api === "" && ["then", "catch", "finally"].includes(method)) return;
    if (api === "" && SEQUENTIAL_METHODS.includes(method) && index === 0 && certain) {
      this.sequentialCalls.add(call);
      this.#awaitCall(call, scopes);
      return;
    }
    if (!certain) return;
    const into =
      api !== "" ? `${api}()` : SYNCHRONOUS_METHODS.includes(method) ? `.${method}()` : textOf(callee, scopes);
    this.#problem(value, scopes, `a call that waits is inside a callback of ${into}, which does not wait for it`);
  }

  #parameter(fn: FunctionNode, index: number, scopes: ModuleScopes): void {
    const last = fn.params.at(-1);
    const parameter = fn.params[index] ?? (last?.type === "RestElement" ? last : undefined);
    if (parameter === undefined) return;
    if (parameter.type === "RestElement") this.#names.add(ELEMENTS);
    else this.#flowInto(parameter.type === "AssignmentPattern" ? parameter.left : parameter, scopes);
  }

  #problem(node: AnyNode, scopes: ModuleScopes, message: string): void {
    const { file, code } = scopes.module;
    const line = lineAt(code, node.start);
    const key = `${file}:${line}:${message}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.problems.push({ file, line, message });
  }
}
