/** What is known to wait so far: functions, names of variables, names of methods. */
import type { Binding, ModuleScopes } from "./scope.ts";
import { MODULES } from "./supported.ts";
import { type AnyNode, ELEMENTS, isCallee, memberName } from "./tree.ts";

export class Waiting {
  readonly functions = new Set<AnyNode>();
  readonly bindings = new Set<Binding>();
  /** Of methods and properties that hold a waiting function. */
  readonly names = new Set<string>();

  get size(): number {
    return this.functions.size + this.bindings.size + this.names.size;
  }

  /** Does a call of this expression wait? */
  isCall(callee: AnyNode, scopes: ModuleScopes): boolean {
    switch (callee.type) {
      case "Identifier": {
        const binding = scopes.bindingOf(callee);
        return binding !== undefined && this.bindings.has(binding);
      }
      case "MemberExpression":
        return this.isMember(callee, scopes);
      case "ParenthesizedExpression":
      case "ChainExpression":
        return this.isCall(callee.expression, scopes);
      case "ConditionalExpression":
        return this.isCall(callee.consequent, scopes) || this.isCall(callee.alternate, scopes);
      case "LogicalExpression":
        return this.isCall(callee.left, scopes) || this.isCall(callee.right, scopes);
      default:
        return this.functions.has(callee);
    }
  }

  isMember(node: AnyNode, scopes: ModuleScopes): boolean {
    if (node.type !== "MemberExpression") return false;
    const object = node.object.type === "Identifier" ? scopes.bindingOf(node.object) : undefined;
    const name = memberName(node);
    const support = MODULES[object?.imported?.from ?? ""];
    if (support !== undefined) return name === null || support.blocking.includes(name);
    if (name === null) return this.names.size > 0 && isCallee(node, scopes);
    return this.names.has(name) || (node.computed && this.names.has(ELEMENTS));
  }
}
