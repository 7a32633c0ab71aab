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
import { destinationOf } from "./destination.ts";
import { Problems } from "./problems.ts";
import type { Binding, ModuleScopes } from "./scope.ts";
import { seedsOf } from "./seeds.ts";
import type { ScriptProblem } from "./source.ts";
import { SEQUENTIAL_METHODS, SYNCHRONOUS_METHODS } from "./supported.ts";
import {
  type AnyNode,
  declarationOf,
  ELEMENTS,
  enclosingFunction,
  type FunctionNode,
  isInsideOptionalChain,
  memberName,
  nameOf,
  parameterAt,
  textOf,
  whyNotAsync,
} from "./tree.ts";
import { Waiting } from "./waiting.ts";

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

class Colourer implements Colouring {
  readonly awaitedCalls = new Set<AnyNode>();
  readonly sequentialCalls = new Set<AnyNode>();
  readonly #modules: readonly ModuleScopes[];
  readonly #waiting = new Waiting();
  readonly #problems = new Problems();
  readonly #calls: Located[] = [];
  readonly #members: Located[] = [];
  readonly #callees: Callees;
  readonly #flowed = new Set<AnyNode>();

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

  get asyncFunctions(): ReadonlySet<AnyNode> {
    return this.#waiting.functions;
  }
  get problems(): readonly ScriptProblem[] {
    return this.#problems.list;
  }

  run(): void {
    const { bindings, names } = seedsOf(this.#modules);
    for (const name of names) this.#waiting.names.add(name);
    for (const { binding, scopes } of bindings) this.#bind(binding, scopes);
    let before = -1;
    while (before !== this.awaitedCalls.size + this.#waiting.size) {
      before = this.awaitedCalls.size + this.#waiting.size;
      for (const { node, scopes } of this.#calls) this.#call(node as CallExpression & AnyNode, scopes);
      for (const { node, scopes } of this.#members) {
        if (this.#waiting.isMember(node, scopes)) this.#flow(node, scopes, false);
      }
    }
  }

  // ------------------------------------------------------------------------------------------------- calls

  #call(call: CallExpression & AnyNode, scopes: ModuleScopes): void {
    if (this.awaitedCalls.has(call) || !this.#waiting.isCall(call.callee, scopes)) return;
    this.#awaitCall(call, scopes);
  }

  #awaitCall(call: AnyNode, scopes: ModuleScopes): void {
    if (this.awaitedCalls.has(call)) return;
    this.awaitedCalls.add(call);
    const text = textOf(call, scopes);
    if (isInsideOptionalChain(call, scopes)) {
      this.#problems.report(
        call,
        scopes,
        `${text} waits in the middle of an optional chain; use a variable for its result`,
      );
      return;
    }
    const owner = enclosingFunction(call, scopes);
    if (owner.function === null) {
      const where = owner.blockedBy ?? "the init context, where k6 allows neither requests nor sleep";
      this.#problems.report(call, scopes, `${text} waits in ${where}`);
      return;
    }
    if (owner.function.async && !this.#waiting.functions.has(owner.function)) return;
    this.#makeAsync(owner.function, text, scopes);
  }

  #makeAsync(fn: FunctionNode & AnyNode, because: string, scopes: ModuleScopes): void {
    if (this.#waiting.functions.has(fn)) return;
    const parent = scopes.parents.get(fn);
    const refusal = whyNotAsync(fn, parent);
    if (refusal !== null) {
      this.#problems.report(fn, scopes, `${refusal.replace("waits", `waits (${because})`)}`);
      return;
    }
    this.#waiting.functions.add(fn);
    const id = fn.type === "FunctionDeclaration" || fn.type === "FunctionExpression" ? fn.id : null;
    const own = id ? scopes.declaredBy(id) : undefined;
    if (own !== undefined) this.#bind(own, scopes);
    if (parent?.type === "ExportDefaultDeclaration") this.#exported("default", scopes);
    else if (fn.type !== "FunctionDeclaration") this.#flow(fn, scopes, true);
  }

  // -------------------------------------------------------------------------------------------------- flow

  #bind(binding: Binding, scopes: ModuleScopes): void {
    if (this.#waiting.bindings.has(binding)) return;
    this.#waiting.bindings.add(binding);
    for (const reference of binding.references) this.#flow(reference, scopes, true);
    const exporting = scopes.parents.get(declarationOf(binding, scopes));
    if (exporting?.type === "ExportNamedDeclaration") this.#exported(binding.name, scopes);
    if (exporting?.type === "ExportDefaultDeclaration") this.#exported("default", scopes);
  }

  #exported(name: string, scopes: ModuleScopes): void {
    for (const importer of this.#callees.importersOf(name, scopes)) {
      if (importer.binding === null) this.#waiting.names.add(importer.name);
      else this.#bind(importer.binding, importer.scopes);
    }
  }

  /**
   * A waiting function is the value of this expression: where does it go?
   * `certain` is false for members known by their name only, whose misuse is no problem yet.
   */
  #flow(value: AnyNode, scopes: ModuleScopes, certain: boolean): void {
    if (this.#flowed.has(value)) return;
    this.#flowed.add(value);
    const to = destinationOf(value, scopes.parents.get(value));
    switch (to.kind) {
      case "target":
        this.#flowInto(to.node, scopes);
        break;
      case "property":
        this.#waiting.names.add(to.name);
        if (certain) this.#refuseCheck(to.node, scopes);
        break;
      case "argument":
        this.#argument(to.node, value, scopes, certain);
        break;
      case "expression":
        this.#flow(to.node, scopes, certain);
        break;
      case "export":
        this.#exported(to.name, scopes);
        break;
      case "returned":
        if (certain) this.#problems.report(value, scopes, `${textOf(value, scopes)} waits and is returned as a value`);
    }
  }

  /** `check(r, { ok: () => http.get(…) })`: a check is decided at once. */
  #refuseCheck(property: AnyNode, scopes: ModuleScopes): void {
    const call = scopes.parents.get(scopes.parents.get(property) ?? property);
    if (call?.type !== "CallExpression" || this.#callees.apiName(call.callee, scopes) !== "check") return;
    this.#problems.report(
      property,
      scopes,
      "a call that waits is inside a check; make it before, and check its result",
    );
  }

  #flowInto(target: AnyNode, scopes: ModuleScopes): void {
    if (target.type === "MemberExpression") {
      this.#waiting.names.add(memberName(target) ?? ELEMENTS);
      return;
    }
    const binding = scopes.declaredBy(target) ?? scopes.bindingOf(target);
    if (binding !== undefined) this.#bind(binding, scopes);
  }

  #argument(call: AnyNode, value: AnyNode, scopes: ModuleScopes, certain: boolean): void {
    if (call.type === "NewExpression") {
      if (certain)
        this.#problems.report(value, scopes, `a call that waits is inside a callback of new ${textOf(call, scopes)}`);
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
    this.#problems.report(
      value,
      scopes,
      `a call that waits is inside a callback of ${into}, which does not wait for it`,
    );
  }

  #parameter(fn: FunctionNode, index: number, scopes: ModuleScopes): void {
    const parameter = parameterAt(fn, index);
    if (parameter === undefined) return;
    if (parameter.type === "RestElement") this.#waiting.names.add(ELEMENTS);
    else this.#flowInto(parameter.type === "AssignmentPattern" ? parameter.left : parameter, scopes);
  }
}
