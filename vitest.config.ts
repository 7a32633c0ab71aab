import { defineConfig } from "vitest/config";

/**
 * Tiers by suffix. Those on real parts share one engine. Tests of single faults mostly wait, and run two at a time on a
 * cluster each; stories, and what looks at all that is on the machine, run one file after the other.
 */
const onRealParts = {
  testTimeout: 300_000,
  hookTimeout: 600_000,
  globalSetup: ["./harness/testing/real-tier.ts"],
};
const FAULTS = "harness/{faults,run}/**/*.cluster.test.ts";

export default defineConfig({
  test: {
    teardownTimeout: 180_000,
    reporters: ["default", "./harness/testing/closing-line.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["{harness,experiments}/**/*.test.ts"],
          exclude: ["**/*.{docker,cluster,browser}.test.ts", "**/node_modules/**"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...onRealParts,
          name: "faults",
          include: [FAULTS],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...onRealParts,
          name: "real",
          include: ["{harness,experiments}/**/*.{docker,browser,cluster}.test.ts"],
          exclude: [FAULTS, "**/node_modules/**"],
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
