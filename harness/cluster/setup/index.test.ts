import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { resolveImages, type Surroundings } from "./images.ts";
import { setupState } from "./index.ts";

/** A machine of our own: a home, and a PATH on which `docker image ls` prints what the test says. */
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "faultline-setup-"));
  vi.stubEnv("FAULTLINE_HOME", join(folder, "home"));
  vi.stubEnv("FAULTLINE_IMAGE_MIRROR", undefined);
  vi.stubEnv("FAULTLINE_NODE_IMAGE", undefined);
  vi.stubEnv("PATH", folder);
  await mkdir(join(folder, "home", "bin"), { recursive: true });
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const program = (path: string, output: readonly string[]) =>
  writeFileSync(join(folder, path), `#!/bin/sh\n${output.map((line) => `echo '${line}'`).join("\n")}\n`, {
    mode: 0o755,
  });
const withImages = (surroundings: Surroundings) =>
  program("docker", Object.values(resolveImages(surroundings)) as string[]);

function withKindAlone(): void {
  program("kind", []);
  program("docker", ["something/else:1"]);
}

describe("setupState", () => {
  test.each(["registry", "packages"] as const)("finds that everything is here: %s", async (surroundings) => {
    program("home/bin/kind", []);
    withImages(surroundings);
    const expected = { ...resolveImages(surroundings), surroundings, kindBinary: join(folder, "home/bin/kind") };
    expect(await setupState()).toEqual(expected);
  });

  test("behind a mirror only the mirror's names count", async () => {
    program("kind", []);
    withImages("packages");
    vi.stubEnv("FAULTLINE_IMAGE_MIRROR", "127.0.0.1:5000");
    await expect(setupState()).rejects.toThrow("127.0.0.1:5000/kindest/node");
    withImages("mirror");
    expect(await setupState()).toMatchObject({ surroundings: "mirror", kindBinary: join(folder, "kind") });
  });

  test.each([
    ["no engine", () => undefined, "no Docker engine answers"],
    ["no kind", () => withImages("packages"), "the program kind"],
    ["no images", withKindAlone, "images: kindest/node"],
  ])("%s: says what is missing and what to do", async (_, prepare, message) => {
    prepare();
    const error = await setupState().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "setup", fix: "run `faultline setup`" });
    expect((error as Error).message).toContain(message);
  });
});
