import { describe, expect, test } from "vitest";
import { FaultlineError } from "../../errors.ts";
import { missingSteps, runSteps, type StepListener } from "./run.ts";
import type { Step } from "./step.ts";

const silent: StepListener = { started: () => undefined, line: () => undefined, ended: () => undefined };

/** A machine in memory: a step that ran is done, as on a real one. */
function world(definitions: Readonly<Record<string, Partial<Step>>>) {
  const done = new Set<string>();
  const ran: string[] = [];
  const steps: Step[] = Object.entries(definitions).map(([id, definition]) => ({
    id,
    title: `Title of ${id}`,
    needs: [],
    fix: `fix ${id}`,
    isDone: async () => done.has(id),
    ...definition,
    run: async (context) => {
      ran.push(id);
      await definition.run?.(context);
      done.add(id);
    },
  }));
  const go = async (signal = new AbortController().signal) =>
    runSteps(await missingSteps(steps), { listener: silent, signal });
  return { done, ran, steps, go };
}

describe("what must run", () => {
  test("a goal pulls in what it needs, in an order in which it can be done", async () => {
    const { ran, go } = world({ image: { needs: ["engine", "programs"], goal: true }, programs: {}, engine: {} });
    await go();
    expect(ran.slice(0, 2).sort()).toEqual(["engine", "programs"]);
    expect(ran[2]).toBe("image");
  });

  test("what only a finished step needs is not made again", async () => {
    const { done, ran, go } = world({ image: { needs: ["programs"], goal: true }, programs: {} });
    done.add("image");
    await go();
    expect(ran).toEqual([]);
  });

  test("a second run does nothing", async () => {
    const { ran, go } = world({ image: { needs: ["programs"], goal: true }, programs: {} });
    await go();
    await go();
    expect(ran).toEqual(["programs", "image"]);
  });

  test("steps that need each other are named", async () => {
    const { go } = world({ egg: { needs: ["hen"], goal: true }, hen: { needs: ["egg"] } });
    await expect(go()).rejects.toThrow("egg → hen → egg");
  });
});

describe("running", () => {
  test("independent steps run side by side: each waits until the other has begun", async () => {
    const begun = { left: Promise.withResolvers<void>(), right: Promise.withResolvers<void>() };
    const meet = (own: "left" | "right", other: "left" | "right") => async () => {
      begun[own].resolve();
      await begun[other].promise;
    };
    const { ran, go } = world({
      left: { goal: true, run: meet("left", "right") },
      right: { goal: true, run: meet("right", "left") },
    });
    await go();
    expect(ran.sort()).toEqual(["left", "right"]);
  });

  test("a failure says which step, why, what to do, and what was left out; the rest is finished and kept", async () => {
    let broken = true;
    const run = async () => {
      if (broken) throw new Error("no route to host");
    };
    const { ran, go } = world({ image: { needs: ["root", "programs"], goal: true }, programs: {}, root: { run } });
    const error = await go().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FaultlineError);
    expect(error).toMatchObject({ code: "setup", fix: "fix root", context: { failed: ["root"], leftOut: ["image"] } });
    expect((error as Error).message).toContain("Title of root: no route to host");
    expect((error as Error).message).toContain("Title of image");

    broken = false;
    ran.length = 0;
    await go();
    expect(ran).toEqual(["root", "image"]);
  });

  test("the fix of the error goes before the fix of the step", async () => {
    const run = async () => {
      throw new FaultlineError("setup", "there is no Go here", { fix: "install Go" });
    };
    const { go } = world({ programs: { goal: true, run } });
    await expect(go()).rejects.toMatchObject({ fix: "install Go" });
  });

  test("when stopped nothing more begins, and the error says that it can go on later", async () => {
    const stop = new AbortController();
    const { ran, go } = world({
      image: { needs: ["programs"], goal: true },
      programs: { run: async () => stop.abort() },
    });
    await expect(go(stop.signal)).rejects.toMatchObject({ code: "interrupted" });
    expect(ran).toEqual(["programs"]);
  });
});
