import { defineConfig } from "vitest/config";

/** What tests on a real engine, cluster or browser have in common. */
const real = {
  testTimeout: 300_000,
  hookTimeout: 600_000,
  globalSetup: ["./harness/testing/real-tier.ts"],
};
const FAULTS = "harness/faults/**/*.cluster.test.ts";

/**
 * Tiers by suffix, one after the other. The real ones share an engine and a cluster, so they run file by file; those of
 * single faults wait more than they work, and run two at a time, on a cluster each.
 */
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
          ...real,
          name: "real",
          include: ["{harness,experiments}/**/*.{docker,browser,cluster}.test.ts"],
          exclude: [FAULTS, "**/node_modules/**"],
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { ...real, name: "real-faults", include: [FAULTS], maxWorkers: 2, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
