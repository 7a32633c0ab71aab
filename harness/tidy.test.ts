/** The architecture as a test: who may import whom, and how large files may get. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, test } from "vitest";

const HARNESS = join(import.meta.dirname);

/** Each part and the parts that it may import from, besides itself and the vocabulary. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  define: [],
  plan: ["define"],
  journal: ["define", "plan"],
  cluster: ["define", "plan"],
  faults: ["define", "plan", "journal", "cluster"],
  load: ["define", "plan", "journal", "cluster"],
  probes: ["define", "plan", "journal", "cluster", "load"],
  run: ["define", "plan", "journal", "cluster", "faults", "load", "probes"],
  verdict: [],
  report: ["define", "verdict"],
  cli: ["define", "plan", "journal", "cluster", "faults", "load", "probes", "run", "verdict", "report", "bench"],
  publish: ["cluster"],
  bench: ["define", "plan", "journal", "cluster", "faults", "load", "probes", "run", "verdict", "report", "publish"],
};
/** What every part may import. */
const VOCABULARY = ["types.ts", "fault-specs.ts", "probe-specs.ts", "errors.ts", "index.ts"];
/** Packages that one file alone knows. */
const ONLY_IMPORTER: Readonly<Record<string, RegExp>> = {
  execa: /^cluster\/exec\.ts$/,
  "@kubernetes/client-node": /^cluster\/(kube\.ts|api\/)/,
};
/** Lines; larger ones are named here, each a debt. */
const MAX_LINES = 250;
const LARGER: Readonly<Record<string, number>> = { "types.ts": 520, "fault-specs.ts": 520 };

interface Source {
  readonly path: string;
  readonly part: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: readonly Source[] = readdirSync(HARNESS, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.includes("node_modules"))
  .map((path) => {
    const text = readFileSync(join(HARNESS, path), "utf8");
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
    return { path, part: path.includes("/") ? (path.split("/")[0] ?? "") : "", text, imports };
  });
const production = sources.filter((source) => !source.path.endsWith(".test.ts") && source.part !== "testing");

const target = (source: Source, specifier: string) =>
  relative(HARNESS, normalize(join(HARNESS, dirname(source.path), specifier)));

describe("layers", () => {
  test.each(production.filter((source) => source.part in MAY_IMPORT).map((source) => [source.path, source] as const))(
    "%s imports leftwards only",
    (_, source) => {
      const allowed = [source.part, ...(MAY_IMPORT[source.part] ?? [])];
      const wrong = source.imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(source, specifier))
        .filter((path) => !path.startsWith("..") && !VOCABULARY.includes(path))
        .filter((path) => !allowed.includes(path.split("/")[0] ?? ""));
      expect(wrong).toEqual([]);
    },
  );

  test("the vocabulary imports nothing else", () => {
    const importsOf = (path: string) => sources.find((source) => source.path === path)?.imports;
    expect([...new Set(importsOf("types.ts"))]).toEqual(["./fault-specs.ts", "./probe-specs.ts"]);
    expect(importsOf("fault-specs.ts")).toEqual(["./types.ts"]);
    expect(importsOf("probe-specs.ts")).toEqual(["./types.ts"]);
  });

  test("every part stands in the layer table", () => {
    const parts = new Set(production.map((source) => source.part).filter((part) => part !== ""));
    expect([...parts].filter((part) => !(part in MAY_IMPORT))).toEqual([]);
  });

  test.each(Object.entries(ONLY_IMPORTER))("%s has one importer", (specifier, allowed) => {
    const importers = production.filter((source) => source.imports.includes(specifier)).map((source) => source.path);
    expect(importers.filter((path) => !allowed.test(path))).toEqual([]);
    expect(importers.length).toBeGreaterThan(0);
  });

  test("judging and reporting know no clock and no network", () => {
    const banned = /Date\.now|performance\.now|new Date\(\)|Math\.random|fetch\(|node:http|node:net/;
    const found = production.filter(({ part, text }) => ["verdict", "report"].includes(part) && banned.test(text));
    expect(found.map((source) => source.path)).toEqual([]);
  });

  test("randomness comes from plan/random.ts", () => {
    expect(production.filter(({ text }) => text.includes("Math.random(")).map(({ path }) => path)).toEqual([]);
  });
});

describe("sizes", () => {
  test.each(production.map((source) => [source.path, source] as const))("%s is short", (path, source) => {
    expect(source.text.split("\n").length).toBeLessThanOrEqual(LARGER[path] ?? MAX_LINES);
  });
});
