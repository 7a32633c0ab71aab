/** Where the value of an expression goes. */
import { type AnyNode, ELEMENTS, nameOf } from "./tree.ts";

export type Destination =
  /** Into a variable, a parameter, or what a pattern names. */
  | { readonly kind: "target"; readonly node: AnyNode }
  /** Into a property or method of this name. */
  | { readonly kind: "property"; readonly name: string; readonly node: AnyNode }
  | { readonly kind: "argument"; readonly node: AnyNode }
  /** It is, or may be, the value of this larger expression. */
  | { readonly kind: "expression"; readonly node: AnyNode }
  | { readonly kind: "export"; readonly name: string }
  | { readonly kind: "returned" }
  /** Nowhere, or where it is called. */
  | { readonly kind: "nowhere" };

const NOWHERE: Destination = { kind: "nowhere" };

export function destinationOf(value: AnyNode, parent: AnyNode | undefined): Destination {
  switch (parent?.type) {
    case "VariableDeclarator":
      return { kind: "target", node: parent.id };
    case "AssignmentPattern":
      return { kind: "target", node: parent.left };
    case "AssignmentExpression":
      return parent.right === value ? { kind: "target", node: parent.left } : NOWHERE;
    case "Property":
    case "PropertyDefinition":
    case "MethodDefinition":
      return parent.value === value ? { kind: "property", name: nameOf(parent.key), node: parent } : NOWHERE;
    case "ArrayExpression":
      return { kind: "property", name: ELEMENTS, node: parent };
    case "CallExpression":
    case "NewExpression":
      return parent.callee === value ? NOWHERE : { kind: "argument", node: parent };
    case "ConditionalExpression":
      return parent.test === value ? NOWHERE : { kind: "expression", node: parent };
    case "LogicalExpression":
    case "SequenceExpression":
    case "ParenthesizedExpression":
    case "ChainExpression":
      return { kind: "expression", node: parent };
    case "ExportSpecifier":
      return { kind: "export", name: nameOf(parent.exported) };
    case "ExportDefaultDeclaration":
      return { kind: "export", name: "default" };
    case "ReturnStatement":
    case "ArrowFunctionExpression":
    case "SpreadElement":
    case "YieldExpression":
      return { kind: "returned" };
    default:
      return NOWHERE;
  }
}
