import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../exec.ts";
import { fullReference } from "./load.ts";
import { withoutBlobs } from "./tar-filter.ts";

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");
/** Sizes on and beside the borders of tar's blocks. */
const contents = [0, 1, 511, 512, 513, 100_000].map((size, index) => Buffer.alloc(size, index + 65));

let folder: string;
let archive: Buffer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "faultline-tar-"));
  mkdirSync(join(folder, "in/blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "in/index.json"), "{}");
  for (const data of contents) writeFileSync(join(folder, "in/blobs/sha256", sha256(data)), data);
  await exec("tar", ["-C", join(folder, "in"), "-cf", join(folder, "in.tar"), "blobs", "index.json"], {
    timeoutMs: 10_000,
  });
  archive = readFileSync(join(folder, "in.tar"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The archive cut into pieces of a size that no border of tar's falls on. */
const inPieces = (size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(archive.length / size) }, (_, index) =>
      archive.subarray(index * size, (index + 1) * size),
    ),
  );

describe("withoutBlobs", () => {
  test.each([7, 512, 1_000, 65_536])("drops what is there and nothing else, in pieces of %i bytes", async (size) => {
    const there = new Set(contents.filter((_, index) => index % 2 === 1).map(sha256));
    const filtered = await buffer(inPieces(size).pipe(withoutBlobs((digest) => there.has(digest))));
    const out = join(folder, `out-${size}`);
    mkdirSync(out);
    await exec("tar", ["-C", out, "-xf", "-"], { timeoutMs: 10_000, input: filtered });
    const left = readdirSync(join(out, "blobs/sha256"));
    expect(left.sort()).toEqual(
      contents
        .map(sha256)
        .filter((digest) => !there.has(digest))
        .sort(),
    );
    for (const name of left) expect(sha256(readFileSync(join(out, "blobs/sha256", name)))).toBe(name);
    expect(readFileSync(join(out, "index.json"), "utf8")).toBe("{}");
  });

  test("with nothing there the archive passes byte for byte", async () => {
    expect((await buffer(inPieces(1_000).pipe(withoutBlobs(() => false)))).equals(archive)).toBe(true);
  });

  test("an archive that ends in the middle is an error", async () => {
    const torn = Readable.from([archive.subarray(0, 700)]).pipe(withoutBlobs(() => false));
    await expect(buffer(torn)).rejects.toThrow("in the middle");
  });
});

test.each([
  ["traefik", "docker.io/library/traefik:latest"],
  ["traefik:v3", "docker.io/library/traefik:v3"],
  ["kindest/node:v1", "docker.io/kindest/node:v1"],
  ["localhost/faultline/a:1", "localhost/faultline/a:1"],
  ["127.0.0.1:5000/library/a", "127.0.0.1:5000/library/a:latest"],
])("%s is %s to a node", (short, full) => {
  expect(fullReference(short)).toBe(full);
});
