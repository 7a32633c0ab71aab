/** What was running, for the report: a result without its versions cannot be repeated. */
import { readFileSync } from "node:fs";
import { exec } from "../cluster/exec.ts";

/** `0.1.0` */
export function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

export async function versions(): Promise<Readonly<Record<string, string>>> {
  const engine = await exec("docker", ["version", "--format", "{{.Server.Version}}"], {
    timeoutMs: 10_000,
    accept: "any",
  });
  const commit = await exec("git", ["rev-parse", "--short", "HEAD"], { timeoutMs: 10_000, accept: "any" }).catch(
    () => null,
  );
  return {
    faultline: ownVersion(),
    node: process.version,
    docker: engine.exitCode === 0 ? engine.stdout : "unknown",
    ...(commit?.exitCode === 0 ? { commit: commit.stdout } : {}),
  };
}
