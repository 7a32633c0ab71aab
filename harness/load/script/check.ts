/** What a script uses that the runner does not have: names of k6's API, globals, exports. */
import type { Binding, ModuleScopes } from "./scope.ts";
import { lineAt, type ScriptProblem } from "./source.ts";
import { MISSING_EXPORTS, MISSING_GLOBALS, MISSING_RESPONSE_METHODS, MODULES, supportedNames } from "./supported.ts";
import { type AnyNode, childrenOf, nameOf } from "./tree.ts";

/** Every unsupported name in one module. `exports`: what each module of the script exports. */
export function checkNames(
  scopes: ModuleScopes,
  exports: ReadonlyMap<string, ReadonlySet<string>>,
  reassignedExports: ReadonlySet<string>,
): ScriptProblem[] {
  const { file, code, program } = scopes.module;
  const problems: ScriptProblem[] = [];
  const report = (node: AnyNode, message: string) =>
    void problems.push({ file, line: lineAt(code, node.start), message });

  for (const binding of scopes.bindings) {
    if (binding.imported !== null && binding.references.length > 0) {
      checkImport(binding, scopes, exports, reassignedExports, report);
    }
  }
  for (const identifier of scopes.globals) {
    const reason = Object.hasOwn(MISSING_GLOBALS, identifier.name) ? MISSING_GLOBALS[identifier.name] : undefined;
    const isTypeof = scopes.parents.get(identifier)?.type === "UnaryExpression";
    if (reason !== undefined && !isTypeof) report(identifier, reason);
  }
  for (const node of scopes.parents.keys()) {
    if (node.type === "CallExpression" && node.callee.type === "MemberExpression" && !node.callee.computed) {
      const method = nameOf(node.callee.property);
      if (MISSING_RESPONSE_METHODS.includes(method)) report(node.callee.property, `.${method}() is not supported`);
    }
    if (node.type === "ImportExpression") report(node, "import() is not supported; use an import statement");
    if (node.type === "MetaProperty" && node.meta.name === "import") report(node, "import.meta is not supported");
    const awaits = node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await);
    if (awaits && isTopLevel(node, scopes)) report(node, "await outside of a function is not supported");
  }
  for (const name of MISSING_EXPORTS) {
    const node = exports.get(file)?.has(name) ? exportOf(program, name) : undefined;
    if (node !== undefined) report(node, `${name}() is not supported; the harness writes the reports`);
  }
  return problems;
}

function checkImport(
  binding: Binding,
  scopes: ModuleScopes,
  exports: ReadonlyMap<string, ReadonlySet<string>>,
  reassignedExports: ReadonlySet<string>,
  report: (node: AnyNode, message: string) => void,
): void {
  const { from, name } = binding.imported as NonNullable<Binding["imported"]>;
  const support = MODULES[from];
  if (support === undefined) {
    const known = exports.get(from);
    if (known !== undefined && name !== "*" && !known.has(name)) {
      report(binding.declaration, `${from} has no export "${name}"`);
    }
    if (reassignedExports.has(`${from}:${name}`)) {
      report(binding.declaration, `"${name}" is assigned again after its export, which importers would not see`);
    }
    return;
  }
  const names = [...support.blocking, ...support.immediate];
  const isWhole = name === "*" || (name === "default" && support.hasDefault);
  if (!isWhole && !names.includes(name)) {
    report(binding.declaration, `${from} has no "${name}" here; supported: ${supportedNames(from)}`);
    return;
  }
  if (!isWhole) return;
  for (const reference of binding.references) {
    const parent = scopes.parents.get(reference);
    if (parent?.type !== "MemberExpression" || parent.object !== reference || parent.computed) continue;
    const member = nameOf(parent.property);
    if (!names.includes(member)) {
      report(parent.property, `${binding.name}.${member} is not supported; ${from} has ${supportedNames(from)}`);
    }
  }
}

function isTopLevel(node: AnyNode, scopes: ModuleScopes): boolean {
  for (let at = scopes.parents.get(node); at !== undefined; at = scopes.parents.get(at)) {
    if (/Function/.test(at.type)) return false;
  }
  return true;
}

function exportOf(program: AnyNode, name: string): AnyNode | undefined {
  return childrenOf(program).find((statement) => exportedNames(statement).includes(name));
}

/** Names that a statement exports; "*" for those of another module. */
export function exportedNames(statement: AnyNode): string[] {
  if (statement.type === "ExportDefaultDeclaration") return ["default"];
  if (statement.type === "ExportAllDeclaration") return [statement.exported ? nameOf(statement.exported) : "*"];
  if (statement.type !== "ExportNamedDeclaration") return [];
  const { declaration } = statement;
  const declared =
    declaration?.type === "VariableDeclaration"
      ? declaration.declarations.flatMap((declarator) => patternNames(declarator.id))
      : declaration
        ? [declaration.id.name]
        : [];
  return [...declared, ...statement.specifiers.map((specifier) => nameOf(specifier.exported))];
}

function patternNames(pattern: AnyNode): string[] {
  if (pattern.type === "Identifier") return [pattern.name];
  return childrenOf(pattern).flatMap((child) =>
    child.type === "Property" ? patternNames(child.value) : patternNames(child),
  );
}
