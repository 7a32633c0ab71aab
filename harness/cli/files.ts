/** Which experiment files a command line names: files as they are, folders by what lies in them. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { FaultlineError } from "../errors.ts";

const ENDINGS = [".experiment.ts", ".experiment.js", ".experiment.mjs"];

/** @throws FaultlineError `usage` for a folder without experiments. A missing file is reported when it is loaded. */
export function experimentFiles(given: readonly string[]): readonly string[] {
  return given.flatMap((path) => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
    const found = readdirSync(path)
      .filter((name) => ENDINGS.some((ending) => name.endsWith(ending)))
      .sort()
      .map((name) => join(path, name));
    if (found.length > 0) return found;
    throw new FaultlineError("usage", `${path}: no experiment in this folder`, {
      fix: "experiments end in .experiment.ts",
    });
  });
}
