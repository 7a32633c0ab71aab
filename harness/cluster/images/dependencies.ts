/**
 * What a service needs of its language's package registry, brought before its image is built, so that Dockerfiles only
 * copy. The command is the same everywhere; where an image registry answers it runs in the tool's own image, so that
 * nothing but Docker is needed on this machine, and elsewhere with this machine's programs.
 */
import { cp, readdir } from "node:fs/promises";
import { basename } from "node:path";
import { FaultlineError, messageOf } from "../../errors.ts";
import { exec } from "../exec.ts";
import { mirrored, type Surroundings } from "../setup/images.ts";
import { inWorkFolder } from "../setup/workspace.ts";
import { ensureLocalImage } from "./pull.ts";

export interface Tool {
  /** A service whose folder holds this file needs the tool. */
  readonly file: string;
  /** Runs in a copy of the service's folder. */
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where the image registry has it. */
  readonly image: string;
}

/** What they make stands beside the service's own files: `out`, and for npm `node_modules`. */
export const TOOLS: readonly Tool[] = [
  { file: "pom.xml", argv: ["mvn", "--batch-mode", "--quiet", "package"], image: "maven:3.9-eclipse-temurin-17" },
  {
    file: "requirements.txt",
    argv: [
      ...(["pip3", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"] as const),
      ...["--no-deps", "--no-compile", "--only-binary=:all:", "--target", "out", "--requirement", "requirements.txt"],
    ],
    image: "python:3.13-slim",
  },
  {
    file: "package-lock.json",
    argv: ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
    image: "node:24-slim",
  },
  {
    file: "go.mod",
    argv: ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "out/program", "."],
    env: { CGO_ENABLED: "0" },
    image: "golang:1.26",
  },
];
/** Left by a tool that somebody ran by hand. */
const MADE = new Set(["out", "target", "node_modules"]);
const TIMEOUT_MS = 10 * 60_000;

/** The tools that a service's folder asks for. */
export async function toolsOf(context: string): Promise<readonly Tool[]> {
  // A folder that is not there is said by whoever builds from it.
  const files = new Set(await readdir(context).catch(() => []));
  return TOOLS.filter(({ file }) => files.has(file));
}

/**
 * Runs `use` with the folder to build from: the service's own where it needs nothing, else a copy with what it needs.
 * @throws FaultlineError `setup` when a tool is missing or fails, with the end of its output.
 */
export async function withDependencies<T>(
  name: string,
  context: string,
  surroundings: Surroundings,
  onProgress: (line: string) => void,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const tools = await toolsOf(context);
  if (tools.length === 0) return await use(context);
  return await inWorkFolder(`image-${name}`, async (folder) => {
    await cp(context, folder, { recursive: true, filter: (path) => path === context || !MADE.has(basename(path)) });
    for (const tool of tools) {
      onProgress(`${tool.argv[0]}: what ${name} needs, as its ${tool.file} says`);
      await bring(tool, folder, surroundings, onProgress);
    }
    return await use(folder);
  });
}

async function bring(
  tool: Tool,
  folder: string,
  surroundings: Surroundings,
  onProgress: (line: string) => void,
): Promise<void> {
  const { command, args, env } = commandFor(tool, folder, surroundings);
  if (surroundings !== "packages") await ensureLocalImage(imageOf(tool, surroundings), onProgress);
  try {
    await exec(command, args, { timeoutMs: TIMEOUT_MS, cwd: folder, env });
  } catch (cause) {
    throw new FaultlineError("setup", `${tool.argv.join(" ")} failed: ${messageOf(cause)}`, {
      fix: `correct ${tool.file} where it names what does not exist; else make ${tool.argv[0]} and its registry reachable: faultline setup brings the programs, faultline doctor looks at the registries`,
      cause,
    });
  }
}

interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How the tool is run here. Pure but for the user's own number. */
export function commandFor(tool: Tool, folder: string, surroundings: Surroundings): Command {
  const [program, ...args] = tool.argv;
  if (surroundings === "packages") return { command: program, args, env: tool.env ?? {} };
  // As the user, who removes the folder after it; nobody's home is in the image, so the caches go to a folder that is.
  const user = process.getuid === undefined ? [] : ["--user", `${process.getuid()}:${process.getgid?.()}`];
  const env = {
    HOME: "/tmp",
    MAVEN_OPTS: "-Duser.home=/tmp",
    GOPATH: "/tmp/go",
    GOCACHE: "/tmp/go-build",
    ...tool.env,
  };
  const settings = Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  return {
    command: "docker",
    args: [
      ...["run", "--rm", ...user, "--volume", `${folder}:/service`, "--workdir", "/service", ...settings],
      ...[imageOf(tool, surroundings), ...tool.argv],
    ],
    env: {},
  };
}

function imageOf({ image }: Tool, surroundings: Surroundings): string {
  const mirror = process.env.FAULTLINE_IMAGE_MIRROR;
  return surroundings === "mirror" && mirror !== undefined ? mirrored(image, mirror) : image;
}
