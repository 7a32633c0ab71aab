/** The content of a build context as one short hash: the same files give the same image, whoever wrote them when. */
import { createHash, type Hash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError, messageOf } from "../../errors.ts";

/** Never part of an image, whatever .dockerignore says: the builder's own and version control's. */
const NEVER = new Set([".git", ".dockerignore"]);

/**
 * SHA-256, 12 hexadecimal digits, over all files of a folder in order: path, executable or not, content; and over what
 * else decides the result (the base image's id). Names that .dockerignore lists plainly are left out.
 * @throws FaultlineError `usage` when the folder or its Dockerfile cannot be read.
 */
export async function contentHash(context: string, alsoBy: readonly string[]): Promise<string> {
  try {
    await lstat(join(context, "Dockerfile"));
    const ignored = await plainlyIgnored(context);
    const hash = createHash("sha256");
    for (const text of alsoBy) hash.update(`${text}\0`);
    await addFolder(hash, context, "", ignored);
    return hash.digest("hex").slice(0, 12);
  } catch (cause) {
    throw new FaultlineError("usage", `image context ${context} cannot be read: ${messageOf(cause)}`, {
      fix: "Name a folder that holds a Dockerfile.",
      cause,
    });
  }
}

async function addFolder(hash: Hash, root: string, folder: string, ignored: ReadonlySet<string>): Promise<void> {
  const names = (await readdir(join(root, folder))).sort();
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (ignored.has(path) || NEVER.has(path)) continue;
    const file = join(root, path);
    const stat = await lstat(file);
    if (stat.isDirectory()) await addFolder(hash, root, path, ignored);
    else if (stat.isSymbolicLink()) hash.update(`${path}\0link\0${await readlink(file)}\0`);
    else hash.update(`${path}\0${(stat.mode & 0o111) === 0 ? "" : "x"}\0${stat.size}\0`).update(await readFile(file));
  }
}

/** Patterns are left to Docker: hashing a file too many only builds once too often. */
async function plainlyIgnored(context: string): Promise<ReadonlySet<string>> {
  const text = await readFile(join(context, ".dockerignore"), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trim().replace(/^\/|\/$/g, ""));
  return new Set(lines.filter((line) => line !== "" && !/[*?[!#]/.test(line)));
}
