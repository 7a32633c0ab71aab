import { afterEach, describe, expect, test, vi } from "vitest";
import { setupSteps } from "./steps.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the steps of each surroundings", () => {
  test.each(["registry", "mirror", "packages"] as const)(
    "%s: ids are unique and every need is a step",
    (surroundings) => {
      for (const purpose of ["run", "test", "bench"] as const) {
        const steps = setupSteps(surroundings, purpose);
        const ids = steps.map((step) => step.id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(steps.flatMap((step) => step.needs).filter((id) => !ids.includes(id))).toEqual([]);
      }
    },
  );

  test.each(["registry", "mirror"] as const)("%s: nothing but kind is ever built", (surroundings) => {
    const ids = setupSteps(surroundings, "run").map((step) => step.id);
    expect(ids.filter((id) => ["programs", "root", "node-image", "traefik", "node-base"].includes(id))).toEqual([]);
  });

  test("a node image of the user's own is pulled, never built under its name", () => {
    vi.stubEnv("FAULTLINE_NODE_IMAGE", "example/node:1");
    const ids = setupSteps("packages", "run").map((step) => step.id);
    expect(ids).toContain("pull-node-image");
    expect(ids).not.toContain("node-image");
  });

  test("what runs Debian's programs waits until the engine's installation has exchanged them", () => {
    const steps = setupSteps("packages", "test");
    for (const id of ["root", "proxy-root", "chromium"]) {
      expect(steps.find((step) => step.id === id)?.needs).toContain("engine-install");
    }
  });
});
