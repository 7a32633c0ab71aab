import { defineConfig } from "vitest/config";

/** Three tiers by suffix; the real ones share one engine and one cluster, so they run one file after the other. */
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
          name: "real",
          include: ["{harness,experiments}/**/*.{docker,browser,cluster}.test.ts"],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 600_000,
          globalSetup: ["./harness/testing/real-tier.ts"],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
