/** Finding out where images come from here: decided by trying, with short deadlines. */
import { exec } from "../exec.ts";
import { engineVersion } from "./engine.ts";
import { resolveImages, type Surroundings } from "./images.ts";

export interface Found {
  readonly surroundings: Surroundings;
  /** One sentence for the user: what was tried and what came of it. */
  readonly because: string;
}

/** A registry that is there answers in under two seconds; a firewall that drops packets would keep us for minutes. */
const REGISTRY_MS = 8_000;
const REGISTRY_URL = "https://registry-1.docker.io/v2/";

/** Asks for kind's node image through Docker where it runs, else for the registry's front page. */
export async function detectSurroundings(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Found> {
  const mirror = env.FAULTLINE_IMAGE_MIRROR;
  if (mirror !== undefined) return { surroundings: "mirror", because: `FAULTLINE_IMAGE_MIRROR is ${mirror}` };
  const answer = (await engineVersion()) === undefined ? await askFrontPage() : await askThroughDocker();
  return answer === undefined
    ? { surroundings: "registry", because: "the image registry answers" }
    : {
        surroundings: "packages",
        because: `no image registry can be reached (${answer.split(": ").at(-1)}): images are built from packages`,
      };
}

/** @returns undefined when the image is served, else what was answered. */
async function askThroughDocker(): Promise<string | undefined> {
  const { nodeImage } = resolveImages("registry", {});
  const asked = await exec("docker", ["manifest", "inspect", nodeImage], {
    timeoutMs: REGISTRY_MS,
    accept: "any",
  }).catch(() => ({ exitCode: 1, stderr: `no answer in ${REGISTRY_MS / 1000} s` }));
  return asked.exitCode === 0 ? undefined : (asked.stderr.trim().split("\n").at(-1) ?? "no reason given");
}

/** Any answer will do, 401 is the usual one: the question is only whether somebody is there. */
async function askFrontPage(): Promise<string | undefined> {
  try {
    await fetch(REGISTRY_URL, { signal: AbortSignal.timeout(REGISTRY_MS) });
    return undefined;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    return cause instanceof Error ? cause.message : String(error);
  }
}
