import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileScript } from "./compile.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-compile-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles a script of several files; the first is the entry. */
function compile(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { modules, problems } = compileScript(join(folder, Object.keys(files)[0] ?? ""));
  return {
    code: modules.map((module) => module.code).join("\n"),
    problems: problems.map(({ file, line, message }) => `${file.slice(folder.length + 1)}:${line}: ${message}`),
  };
}
const HEAD = 'import http from "k6/http"; import { sleep, group, check } from "k6";\n';

describe("calls that wait are awaited, and so are their callers", () => {
  const cases: [name: string, script: string, expected: string][] = [
    [
      "a request",
      "export default function () { const r = http.get(u); }",
      "async function () { const r = (await http.get(u)); }",
    ],
    ["a statement of its own", "export default () => { http.post(u) }", "async () => { await http.post(u) }"],
    ["a part of the result", "export default () => http.get(u).json()", "async () => (await http.get(u)).json()"],
    ["a function", "function f() { return http.get(u); }\nexport default () => { f(); }", "async () => { await f(); }"],
    [
      "a function used above it",
      "export default () => { f(); }\nconst f = () => sleep(1);",
      "async () => { await f(); }",
    ],
    ["a method", "class C { m() { sleep(1); } }\nexport default () => { new C().m(); }", "{ await new C().m(); }"],
    ["a static method", "class C { static m() { sleep(1); } }\nexport default () => { C.m(); }", "static async m()"],
    ["a method of an object", "const o = { m() { sleep(1); } };\nexport default () => { o.m(); }", "{ async m() {"],
    ["a property", "const o = { m: () => sleep(1) };\nexport default () => { o.m(); }", "await o.m();"],
    ["an entry by number", "const l = [() => sleep(1)];\nexport default () => { l[0](); }", "await l[0]();"],
    [
      "a callback",
      "function f(g) { return g(); }\nexport default () => { f(() => http.get(u)); }",
      "return (await g());",
    ],
    ["a group", 'export default () => { group("g", () => { sleep(1); }); }', 'await group("g", async () => {'],
    [
      "a group without waiting",
      'export default () => { group("g", () => 1); }',
      'export default () => { group("g", () => 1); }',
    ],
    [
      "forEach",
      "export default () => { [1].forEach((i) => { http.get(i); }); }",
      "await $vu.forEachInTurn([1],async (i) =>",
    ],
    ["map", "export default () => { const a = [1].map((i) => http.get(i)); }", "(await $vu.mapInTurn([1],async (i) =>"],
    ["destructured", "const { get } = http;\nexport default () => { get(u); }", "await get(u);"],
    ["another name", "const h = http;\nexport default () => { h.get(u); }", "await h.get(u);"],
    ["a shadowed name", "export default (http) => { http.get(u); }", "export default (http) => { http.get(u); }"],
    ["no semicolons", "export default () => {\n  const a = b\n  http.get(u).json()\n}", ";(await http.get(u)).json()"],
    ["__VU and __ITER", "export default () => ({ __ITER, v: __VU })", "({ __ITER: $vu.iteration, v: $vu.id })"],
    [
      "optional chain at its end",
      "export default () => { const x = o?.get(u); const { get } = http; o.get = get; }",
      "(await o?.get(u))",
    ],
  ];
  test.each(cases)("%s", (_name, script, expected) => {
    const { code, problems } = compile({ "a.ts": HEAD + script });
    expect(problems).toEqual([]);
    expect(code.replace("const $default = ", "export default ").replace("const $default =", "")).toContain(expected);
  });

  test("through imports and re-exports", () => {
    const { code, problems } = compile({
      "entry.ts":
        'import { buy } from "./index.ts";\nimport * as api from "./api.ts";\nexport default () => { buy(); api.pay(); }',
      "index.ts": 'export { order as buy } from "./api.ts";',
      "api.ts":
        'import http from "k6/http";\nexport const order = () => http.get("x");\nexport function pay() { order(); }',
    });
    expect(problems).toEqual([]);
    expect(code).toContain("{ await buy(); await api.pay(); }");
  });

  test("lines stay where they are", () => {
    const script =
      'import {\n  check,\n  type Checkers,\n} from "k6";\nimport http from "k6/http";\n\nexport default () => {\n  http.get("MARK");\n};\n';
    const { code } = compile({ "lines.ts": script });
    expect(code.split("\n").findIndex((line) => line.includes("MARK"))).toBe(7);
  });
});

describe("what cannot run is named with its line, all at once", () => {
  const cases: [name: string, script: string, expected: string[]][] = [
    [
      "modules",
      'import ws from "k6/ws";\nimport { browser } from "k6/browser";\nimport e from "k6/experimental/redis";\nimport j from "https://jslib.k6.io/x/1.js";',
      [
        '2: import of "k6/ws" is not',
        '3: import of "k6/browser" is not',
        '4: import of "k6/experimental/redis"',
        '5: import of "https://',
      ],
    ],
    ["names of k6", "export default () => { http.file('x'); }", ["2: http.file is not supported; k6/http has get"]],
    ["named imports", 'import { randomSeed } from "k6";\nrandomSeed(1);', ['2: k6 has no "randomSeed" here']],
    ["open", 'const data = open("x.json");', ["2: reading files with open()"]],
    ["globals of Node", "const home = process.env.HOME;", ["2: process does not exist in k6"]],
    ["init context", 'http.get("x");', ["2: http.get waits in the init context"]],
    ["handleSummary", "export function handleSummary() {}", ["2: handleSummary() is not supported"]],
    ["HTML", "export default () => { http.get(u).html(); }", ["2: .html() is not supported"]],
    [
      "sort",
      "const f = (l) => l.sort((a, b) => http.get(a).status);",
      ["2: a call that waits is inside a callback of .sort()"],
    ],
    [
      "check",
      "const f = () => check(1, { a: () => http.get(u).status === 200 });",
      ["2: a call that waits is inside a check"],
    ],
    ["getter", "const o = { get v() { return http.get(u); } };", ["2: a getter that waits"]],
    ["constructor", "class C {\n constructor() { sleep(1); } }", ["3: a constructor that waits"]],
    ["generator", "function* g() { sleep(1); }", ["2: a generator that waits"]],
    [
      "new Promise",
      "const f = () => new Promise((done) => { sleep(1); done(); });",
      ["2: a call that waits is inside a callback of new Promise"],
    ],
    [
      "parameter's default",
      "const f = (a = http.get(u)) => a;",
      ["2: http.get waits in the default value of a parameter"],
    ],
    ["field", "class C { f = http.get(u); }", ["2: http.get waits in the initial value of a field"]],
    [
      "function from a function",
      "const f = () => () => http.get(u);",
      ["2: () => http.get(u) waits and is returned as a value"],
    ],
    ["enum", "enum E { A }", ["2: TypeScript enum is not supported"]],
    ["syntax", "const = 1;", ["2: Unexpected token"]],
    ["missing file", 'import { a } from "./missing.ts";\na();', ["0: cannot be read"]],
  ];
  test.each(cases)("%s", (_name, script, expected) => {
    const { problems } = compile({ "b.ts": HEAD + script });
    const found = problems.map((problem) => problem.replace(/^[^:]*:/, ""));
    expect(found).toEqual(expected.map((text) => expect.stringContaining(text)));
  });

  test("an export that is not there", () => {
    const { problems } = compile({
      "e.ts": 'import { a } from "./f.ts";\nexport default () => { a(); }',
      "f.ts": "export const b = 1;",
    });
    expect(problems).toEqual([expect.stringMatching(/^e\.ts:1: .*f\.ts has no export "a"/)]);
  });

  test("a circular import", () => {
    const { problems } = compile({ "c.ts": 'import "./d.ts";', "d.ts": 'import "./c.ts";' });
    expect(problems).toEqual(["d.ts:1: circular import of ./c.ts"]);
  });
});
