/** One process at a time creates or removes the cluster of a name. */
import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../errors.ts";
import { isAlive, processToken } from "./owner.ts";
import { home } from "./paths.ts";

/**
 * Holds the name until the returned function is called. A lock whose process is gone is taken over.
 * @throws FaultlineError `cluster-busy` that names the other process.
 */
export async function lockName(name: string): Promise<() => Promise<void>> {
  const folder = join(home(), "locks");
  const file = join(folder, name);
  await mkdir(folder, { recursive: true });
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await appear(file, processToken());
      return async () => await rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(file, "utf8").catch(() => "");
    if (holder !== "" && isAlive(holder)) throw busy(name, holder, file);
    await rm(file, { force: true });
  }
  throw busy(name, "?", file);
}

/** Whole or not at all: a file that is still empty would be taken for one of a process that is gone. */
async function appear(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, text);
  try {
    await link(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

function busy(name: string, holder: string, file: string): FaultlineError {
  const pid = holder.split(".")[0];
  return new FaultlineError("cluster-busy", `cluster ${name} is just being created or removed by process ${pid}`, {
    fix: `Wait until it is done, or use another name (--cluster). The lock is ${file}.`,
    context: { name, pid },
  });
}
