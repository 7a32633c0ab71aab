import { describe, expect, test } from "vitest";
import { mirrored, resolveImages } from "./images.ts";

describe("names behind a mirror", () => {
  test.each([
    ["kindest/node:v1.37.0", "127.0.0.1:5000", "127.0.0.1:5000/kindest/node:v1.37.0"],
    ["traefik:v3.7.15", "127.0.0.1:5000", "127.0.0.1:5000/library/traefik:v3.7.15"],
    ["node:24-slim", "https://mirror.example/hub/", "mirror.example/hub/library/node:24-slim"],
  ])("%s at %s", (image, mirror, expected) => {
    expect(mirrored(image, mirror)).toBe(expected);
  });
});

describe("names by surroundings", () => {
  test("upstream where the registry answers", () => {
    expect(resolveImages("registry", {}).nodeImage).toMatch(/^kindest\/node:v\d/);
  });

  test("all three at the mirror", () => {
    const names = Object.values(resolveImages("mirror", { FAULTLINE_IMAGE_MIRROR: "127.0.0.1:5000" })) as string[];
    expect(names).toHaveLength(3);
    expect(names.filter((name) => !name.startsWith("127.0.0.1:5000/"))).toEqual([]);
  });

  test("a tag from packages names version and content, and is of this machine alone", () => {
    expect(resolveImages("packages", {}).nodeImage).toMatch(
      /^localhost\/faultline\/kind-node:v1\.\d+\.\d+-[0-9a-f]{12}$/,
    );
  });

  test.each(["registry", "mirror", "packages"] as const)("FAULTLINE_NODE_IMAGE wins in %s", (surroundings) => {
    const env = { FAULTLINE_NODE_IMAGE: "example/node:1", FAULTLINE_IMAGE_MIRROR: "127.0.0.1:5000" };
    expect(resolveImages(surroundings, env).nodeImage).toBe("example/node:1");
  });
});
