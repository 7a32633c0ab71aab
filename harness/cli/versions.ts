/** What was running, for the report: a result without its versions cannot be repeated. */
import { readFileSync } from "node:fs";
import { exec } from "../cluster/exec.ts";

export async function versions(): Promise<Readonly<Record<string, string>>> {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const engine = await exec("docker", ["version", "--format", "{{.Server.Version}}"], {
    timeoutMs: 10_000,
    accept: "any",
  });
  const commit = await exec("git", ["rev-parse", "--short", "HEAD"], { timeoutMs: 10_000, accept: "any" }).catch(
    () => null,
  );
  return {
    faultline: version,
    node: process.version,
    docker: engine.exitCode === 0 ? engine.stdout : "unknown",
    ...(commit?.exitCode === 0 ? { commit: commit.stdout } : {}),
  };
}
