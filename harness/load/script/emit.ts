/** Writes a module of a script as the body of a function (its parameters: `parameters.ts`), every line where it was. */
import MagicString from "magic-string";
import { exportedNames } from "./check.ts";
import type { Colouring } from "./colour.ts";
import type { ModuleScopes } from "./scope.ts";
import { type AnyNode, nameOf } from "./tree.ts";

export function emit(scopes: ModuleScopes, colouring: Colouring): string {
  const { code, program } = scopes.module;
  const text = new MagicString(code);
  const tail: string[] = [];
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") emitImport(statement, scopes, text);
    else emitExport(statement, scopes, text, tail);
  }
  for (const identifier of scopes.globals) emitGlobal(identifier, scopes, text);
  const nodes = [...scopes.parents.keys()].sort((a, b) => a.start - b.start || b.end - a.end);
  for (const node of nodes) {
    if (colouring.sequentialCalls.has(node)) emitSequential(node, scopes, text);
    else if (colouring.awaitedCalls.has(node)) emitAwait(node, scopes, text);
    if (colouring.asyncFunctions.has(node)) emitAsync(node, scopes, text);
  }
  return `"use strict";${text.toString()}\n${tail.join("\n")}`;
}

/** As many line breaks as the replaced text had. */
function breaksOf(node: AnyNode, scopes: ModuleScopes): string {
  return "\n".repeat(scopes.module.code.slice(node.start, node.end).split("\n").length - 1);
}

function emitImport(statement: AnyNode, scopes: ModuleScopes, text: MagicString): void {
  if (statement.type !== "ImportDeclaration") return;
  const source = JSON.stringify(scopes.module.imports.get(String(statement.source.value)) ?? "");
  const named: string[] = [];
  let emitted = `$import(${source});`;
  for (const specifier of statement.specifiers) {
    const binding = scopes.declaredBy(specifier.local);
    // A name that only types used is no import any more.
    if (binding === undefined || binding.references.length === 0) continue;
    if (specifier.type === "ImportNamespaceSpecifier") emitted += `const ${binding.name} = $import(${source});`;
    else named.push(`${JSON.stringify(binding.imported?.name)}: ${binding.name}`);
  }
  if (named.length > 0) emitted += `const { ${named.join(", ")} } = $import(${source});`;
  text.overwrite(statement.start, statement.end, emitted + breaksOf(statement, scopes));
}

function emitExport(statement: AnyNode, scopes: ModuleScopes, text: MagicString, tail: string[]): void {
  if (statement.type === "ExportDefaultDeclaration") {
    const { declaration } = statement;
    const id =
      declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration" ? declaration.id : null;
    text.remove(statement.start, declaration.start);
    if (id) {
      tail.push(`$export("default", () => ${id.name});`);
    } else {
      text.appendRight(declaration.start, ";const $default = ");
      text.appendLeft(declaration.end, ";");
      tail.push('$export("default", () => $default);');
    }
  } else if (statement.type === "ExportAllDeclaration" || statement.type === "ExportNamedDeclaration") {
    if (statement.source) {
      text.overwrite(statement.start, statement.end, reexport(statement, scopes) + breaksOf(statement, scopes));
      return;
    }
    if (statement.type !== "ExportNamedDeclaration") return;
    if (statement.declaration) {
      text.remove(statement.start, statement.declaration.start);
      for (const name of exportedNames(statement)) tail.push(`$export(${JSON.stringify(name)}, () => ${name});`);
      return;
    }
    for (const { local, exported } of statement.specifiers) {
      // A type exported without the word `type` has no declaration left.
      if (scopes.bindingOf(local) === undefined) continue;
      tail.push(`$export(${JSON.stringify(nameOf(exported))}, () => ${nameOf(local)});`);
    }
    text.overwrite(statement.start, statement.end, `;${breaksOf(statement, scopes)}`);
  }
}

function reexport(statement: AnyNode, scopes: ModuleScopes): string {
  if (statement.type !== "ExportAllDeclaration" && statement.type !== "ExportNamedDeclaration") return "";
  const source = JSON.stringify(scopes.module.imports.get(String(statement.source?.value)) ?? "");
  if (statement.type === "ExportAllDeclaration") {
    if (statement.exported) return `$export(${JSON.stringify(nameOf(statement.exported))}, () => $import(${source}));`;
    return `for (const name of Object.keys($import(${source}))) if (name !== "default") $export(name, () => $import(${source})[name]);`;
  }
  return statement.specifiers
    .map(({ local, exported }) => {
      const value = `$import(${source})[${JSON.stringify(nameOf(local))}]`;
      return `$export(${JSON.stringify(nameOf(exported))}, () => ${value});`;
    })
    .join("");
}

/** `__VU` and `__ITER` change under the script's feet. */
function emitGlobal(identifier: AnyNode, scopes: ModuleScopes, text: MagicString): void {
  if (identifier.type !== "Identifier") return;
  const replacement = { __VU: "$vu.id", __ITER: "$vu.iteration" }[identifier.name];
  if (replacement === undefined) return;
  const parent = scopes.parents.get(identifier);
  const isShorthand = parent?.type === "Property" && parent.shorthand;
  text.overwrite(identifier.start, identifier.end, isShorthand ? `${identifier.name}: ${replacement}` : replacement);
}

function emitAwait(call: AnyNode, scopes: ModuleScopes, text: MagicString): void {
  const parent = scopes.parents.get(call);
  if (parent?.type === "ExpressionStatement") {
    text.appendRight(call.start, "await ");
    return;
  }
  text.appendRight(call.start, `${separator(call, scopes)}(await `);
  text.appendLeft(call.end, ")");
}

function emitSequential(call: AnyNode, scopes: ModuleScopes, text: MagicString): void {
  if (call.type !== "CallExpression" || call.callee.type !== "MemberExpression") return;
  const { callee } = call;
  const method = nameOf(callee.property);
  const open = scopes.module.code.indexOf("(", callee.end);
  text.appendRight(call.start, `${separator(call, scopes)}(await $vu.${method}InTurn(`);
  text.overwrite(callee.object.end, open + 1, ",");
  text.appendLeft(call.end, ")");
}

/** A statement that begins with a parenthesis would be taken for the arguments of the line before. */
function separator(call: AnyNode, scopes: ModuleScopes): string {
  for (let at = scopes.parents.get(call); at !== undefined; at = scopes.parents.get(at)) {
    if (at.start !== call.start) return "";
    if (at.type !== "ExpressionStatement") continue;
    const block = scopes.parents.get(at)?.type;
    return block === "BlockStatement" || block === "Program" || block === "SwitchCase" ? ";" : "";
  }
  return "";
}

function emitAsync(fn: AnyNode, scopes: ModuleScopes, text: MagicString): void {
  const parent = scopes.parents.get(fn);
  const isMethod =
    (parent?.type === "MethodDefinition" && parent.value === fn) ||
    (parent?.type === "Property" && parent.method && parent.value === fn);
  if (!isMethod) {
    text.appendRight(fn.start, "async ");
    return;
  }
  const isStatic = parent.type === "MethodDefinition" && parent.static;
  const start = isStatic
    ? parent.start + (/^static\s+/.exec(scopes.module.code.slice(parent.start))?.[0].length ?? 0)
    : parent.start;
  text.appendRight(start, "async ");
}
