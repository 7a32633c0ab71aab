/** Where steps put results: made in a folder aside, then moved into place in one rename. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { home } from "../paths.ts";

/** The place of a result that is named by what it was made from. */
export const cached = (kind: string, key: string): string => join(home(), "setup", kind, key);

/** Whether the result is there; it is complete if it is. */
export const isCached = (kind: string, key: string): boolean => existsSync(cached(kind, key));

/**
 * Makes a result in a new empty folder and moves it into place. Older results of the same kind are removed after.
 * A run that is cut short leaves only a folder under `tmp`, which `removeLeftovers` takes away.
 */
export async function makeCached(kind: string, key: string, make: (folder: string) => Promise<void>): Promise<void> {
  await inWorkFolder(kind, async (folder) => {
    await make(folder);
    const place = cached(kind, key);
    await mkdir(dirname(place), { recursive: true });
    await rm(place, { recursive: true, force: true });
    await rename(folder, place);
  });
  for (const other of await readdir(dirname(cached(kind, key)))) {
    if (other !== key) await rm(join(dirname(cached(kind, key)), other), { recursive: true, force: true });
  }
}

/** Runs `use` with a new empty folder, which is removed after it if it is still there. */
export async function inWorkFolder<T>(name: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(workRoot(), `${name}-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    return await use(folder);
  } finally {
    await remove(folder);
  }
}

/** Removes what interrupted runs left. Only called while no other setup runs. */
export async function removeLeftovers(): Promise<void> {
  await remove(workRoot());
}

/** Tries again for a while: the children of a program that was stopped may still write. */
const remove = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });

const workRoot = (): string => join(home(), "setup", "tmp");
