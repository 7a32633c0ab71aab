/** Reads a script and what it imports: types stripped in place, so that every position is that of the file. */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, resolve } from "node:path";
import { type Program, parse } from "acorn";
import { messageOf } from "../../errors.ts";
import { MODULES } from "./supported.ts";

/** Something in a script that the runner cannot do. */
export interface ScriptProblem {
  readonly file: string;
  /** From 1; 0 where no line can be named. */
  readonly line: number;
  readonly message: string;
}

export interface SourceModule {
  /** Absolute path; also its name for `$import`. */
  readonly file: string;
  readonly code: string;
  readonly program: Program;
  /** Import specifier → absolute path of a module of the script, or the name of a module of k6. */
  readonly imports: ReadonlyMap<string, string>;
}

/** Ordered so that a module comes after everything it imports; the script itself is the last. */
export interface SourceGraph {
  readonly modules: readonly SourceModule[];
  readonly problems: readonly ScriptProblem[];
}

export function readGraph(entry: string): SourceGraph {
  const reader = new GraphReader();
  reader.read(resolve(entry));
  return { modules: reader.modules, problems: reader.problems };
}

export function lineAt(code: string, offset: number): number {
  let line = 1;
  for (let at = code.indexOf("\n"); at >= 0 && at < offset; at = code.indexOf("\n", at + 1)) line++;
  return line;
}

class GraphReader {
  readonly modules: SourceModule[] = [];
  readonly problems: ScriptProblem[] = [];
  readonly #seen = new Set<string>();
  readonly #open: string[] = [];

  read(file: string): void {
    if (this.#seen.has(file)) return;
    this.#seen.add(file);
    const code = this.#strip(file);
    const program = code === null ? null : this.#parse(file, code);
    if (code === null || program === null) return;
    const imports = new Map<string, string>();
    this.#open.push(file);
    for (const statement of program.body) {
      const source = "source" in statement ? statement.source : null;
      if (source === null || source === undefined) continue;
      this.#import(file, String(source.value), lineAt(code, source.start), imports);
    }
    this.#open.pop();
    this.modules.push({ file, code, program, imports });
  }

  #import(file: string, specifier: string, line: number, imports: Map<string, string>): void {
    if (specifier in MODULES) {
      imports.set(specifier, specifier);
    } else if (specifier.startsWith("./") || specifier.startsWith("../") || specifier.startsWith("/")) {
      const target = resolve(dirname(file), specifier);
      if (this.#open.includes(target)) {
        this.problems.push({ file, line, message: `circular import of ${specifier}` });
        return;
      }
      imports.set(specifier, target);
      this.read(target);
    } else {
      const known = Object.keys(MODULES).join(", ");
      this.problems.push({
        file,
        line,
        message: `import of "${specifier}" is not supported; there are ${known} and relative files`,
      });
    }
  }

  #strip(file: string): string | null {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      this.problems.push({ file, line: 0, message: `cannot be read: ${messageOf(error)}` });
      return null;
    }
    if (!/\.[cm]?ts$/.test(file)) return text;
    try {
      return stripTypeScriptTypes(text, { mode: "strip" });
    } catch (error) {
      this.problems.push({ file, line: lineOfStrip(text, file), message: messageOf(error) });
      return null;
    }
  }

  #parse(file: string, code: string): Program | null {
    try {
      return parse(code, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
    } catch (error) {
      const line = (error as { loc?: { line: number } }).loc?.line ?? 0;
      this.problems.push({ file, line, message: messageOf(error) });
      return null;
    }
  }
}

/** The stripper tells the line in its stack alone, and only of a text that has a name. */
function lineOfStrip(text: string, file: string): number {
  try {
    stripTypeScriptTypes(text, { mode: "strip", sourceUrl: file });
    return 0;
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    return stack.startsWith(`${file}:`) ? Number.parseInt(stack.slice(file.length + 1), 10) : 0;
  }
}
