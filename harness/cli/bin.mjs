#!/usr/bin/env -S node --max-semi-space-size=1 --optimize-for-size
// The command `faultline`: finds a Node that is new enough and hands over to main.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chooseNode, endWithLauncher, keepQuietAboutTypeStripping, packagedNode, runUnder } from "./launch.mjs";

const choice = chooseNode(process.versions.node, packagedNode);
if (choice.kind === "here") {
  endWithLauncher();
  keepQuietAboutTypeStripping();
  // A checkout runs its sources; a published package holds main.js beside this file, since Node strips no types there.
  const built = new URL("./main.js", import.meta.url);
  const { main } = await import(existsSync(built) ? built.href : new URL("./main.ts", import.meta.url).href);
  process.exitCode = await main(process.argv.slice(2));
} else if (choice.kind === "other") {
  runUnder(choice.path, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
} else {
  process.stderr.write(`${choice.message}\n`);
  process.exitCode = 255;
}
