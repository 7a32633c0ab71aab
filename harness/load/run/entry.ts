/** Where the programs of this folder are: sources in a checkout, JavaScript beside this file in a package. */
import { extname } from "node:path";

export function entryUrl(name: "main" | "convert" | "pacer-thread"): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}
