/** The lease of what is done to containers of this machine, with a file as the effect. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { collectGuards, endOnHost, leftOnHost, readFromGuard, renewOnHost, startOnHost } from "./host-guard.ts";
import { isAlive } from "./owner.ts";
import { waitFor } from "./wait.ts";

const ID = "faultline-test-0123456789";
const LONG_MS = 60_000;
const before = process.env.FAULTLINE_HOME;
let world: string;
let effect: string;
const part = () => ({ id: ID, inject: `echo in > ${effect}`, undo: `rm -f ${effect}` });

beforeEach(() => {
  world = mkdtempSync(join(tmpdir(), "faultline-world-"));
  effect = join(world, "effect");
  process.env.FAULTLINE_HOME = world;
});
afterEach(async () => {
  const guard = guardToken();
  await endOnHost(part());
  expect([guard !== "" && isAlive(guard), await leftOnHost()]).toEqual([false, []]);
  rmSync(world, { recursive: true, force: true });
  if (before === undefined) delete process.env.FAULTLINE_HOME;
  else process.env.FAULTLINE_HOME = before;
});

function guardToken(): string {
  const file = join(world, "guards", ID, "guard");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "";
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor({
    what,
    timeoutMs: 20_000,
    everyMs: 20,
    probe: async () => ((await holds()) ? { done: true, value: undefined } : { done: false, saw: "not so" }),
  });
}
const untilClean = () => until("clean", async () => !existsSync(effect) && (await leftOnHost()).length === 0);

test("in until it is ended; ending twice, and without a start, is right", async () => {
  await endOnHost(part());
  await startOnHost(part(), LONG_MS);
  expect([existsSync(effect), await leftOnHost()]).toEqual([true, [ID]]);
  await endOnHost(part());
  expect([existsSync(effect), await leftOnHost()]).toEqual([false, []]);
  await endOnHost(part());
});

test("a second start runs the inject again, under the same guard", async () => {
  await startOnHost(part(), LONG_MS);
  const guard = guardToken();
  rmSync(effect);
  await startOnHost(part(), LONG_MS);
  expect([existsSync(effect), guardToken()]).toEqual([true, guard]);
});

test("undone when nobody renews; a renewal after that says so", async () => {
  await startOnHost(part(), 300);
  await untilClean();
  await expect(renewOnHost(ID, LONG_MS)).rejects.toThrow(/its lease had lapsed/);
});

test("a renewal moves the end, and starts a guard that was killed anew", async () => {
  await startOnHost(part(), LONG_MS);
  const guard = guardToken();
  process.kill(Number(guard.split(".")[0]), "SIGKILL");
  await until("the guard to be dead", () => !isAlive(guard));
  await renewOnHost(ID, 300);
  await untilClean();
});

test("an inject that fails says why, and what it did is undone", async () => {
  const half = { ...part(), inject: `echo half > ${effect}; echo no room >&2; exit 7` };
  await expect(startOnHost(half, 300)).rejects.toThrow(/no room/);
  await untilClean();
});

test("an undo that fails goes on being tried, by the guard alone", async () => {
  const lock = join(world, "lock");
  const stubborn = { ...part(), undo: `[ ! -e ${lock} ] && rm -f ${effect}` };
  await startOnHost(stubborn, LONG_MS);
  writeFileSync(lock, "");
  await expect(endOnHost(stubborn)).rejects.toThrow(/exited with 1/);
  rmSync(lock);
  await untilClean();
});

test("an end in the middle of an inject waits for it, and undoes it too", async () => {
  const slow = { ...part(), inject: `sleep 0.5; echo in > ${effect}` };
  const started = startOnHost(slow, LONG_MS).catch((error: unknown) => String(error));
  await until("the inject to run", () => existsSync(join(world, "guards", ID, "injecting.sh")));
  await endOnHost(slow);
  expect([existsSync(effect), await leftOnHost()]).toEqual([false, []]);
  expect(await started).toMatch(/it was ended meanwhile/);
});

test.each([0, 5, 20, 60, 150])("the harness is killed %i ms after its first step", async (killAfterMs) => {
  const code = `
    const { startOnHost } = await import(${JSON.stringify(join(import.meta.dirname, "host-guard.ts"))});
    console.log("begin");
    await startOnHost(${JSON.stringify(part())}, 600);
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  await ended;
  // Killed before the guard was started: nothing was injected, and what is left of it goes with the next gc.
  await until("undone", async () => {
    await collectGuards(() => {});
    return !existsSync(effect) && (await leftOnHost()).length === 0;
  });
});

test("gc leaves what somebody answers for", async () => {
  await startOnHost(part(), LONG_MS);
  expect(await collectGuards(() => {})).toEqual([]);
  expect(existsSync(effect)).toBe(true);
});

test("a watch goes on by itself, again after its guard was killed, and the undo comes after its last turn", async () => {
  const turns = join(world, "turns");
  const watch = `echo turn >> ${turns}; [ "$(wc -l < ${turns})" -lt 3 ] || echo in > ${effect}`;
  const watching = { ...part(), inject: ":", watch };
  await startOnHost(watching, LONG_MS);
  expect(existsSync(effect)).toBe(false);
  await until("the third turn", () => existsSync(effect));
  const first = guardToken();
  process.kill(Number(first.split(".")[0]), "SIGKILL");
  await until("the guard to be gone", () => !isAlive(first));
  rmSync(effect);
  await renewOnHost(ID, LONG_MS);
  await until("a turn of the new guard", () => existsSync(effect));
  expect((await readFromGuard(ID, "watch.sh")) ?? "").toBe(watch);
  await endOnHost(watching);
  expect([existsSync(effect), await readFromGuard(ID, "watch.sh")]).toEqual([false, null]);
});
