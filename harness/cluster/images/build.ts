/** Images of services, built once per content. */
import { FaultlineError } from "../../errors.ts";
import { docker, imageId } from "../docker.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { type BuildSetup, ensureBases, languageBases } from "./bases.ts";
import { contentHash } from "./content.ts";
import { toolsOf, withDependencies } from "./dependencies.ts";

export interface ImageSource {
  /** As written in manifests. */
  readonly name: string;
  /** A folder with a Dockerfile, or, where `reference` is given, unused. */
  readonly context: string;
}

/** Everything before the name in references of images that are built here. */
export const IMAGE_PREFIX = "localhost/faultline/";
/** Marks images that hold the content of one build context, for gc. */
export const LABEL_BUILT = "faultline.dev/built";
const BUILD_TIMEOUT_MS = 600_000;

/**
 * Builds what is not here yet, side by side.
 * @returns references by name.
 * @throws FaultlineError `usage` with the builder's own output; `setup` where what it needs cannot be had.
 */
export async function buildImages(
  sources: readonly ImageSource[],
  setup: BuildSetup,
  onProgress: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  const baseId = (await imageId(setup.nodeBaseImage)) ?? setup.nodeBaseImage;
  const built = await Promise.all(
    sources.map(async (source) => [source.name, await buildImage(source, setup, baseId, onProgress)] as const),
  );
  return Object.fromEntries(built);
}

async function buildImage(
  source: ImageSource,
  setup: BuildSetup,
  baseId: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const { name, context } = source;
  const languages = await languageBases(context, setup);
  const tools = (await toolsOf(context)).map((tool) => JSON.stringify(tool));
  const hash = await contentHash(context, [baseId, ...Object.values(languages), ...tools]);
  const reference = `${IMAGE_PREFIX}${imageName(name)}:${hash}`;
  if ((await imageId(reference)) !== null) return reference;
  await ensureBases(languages, setup, onProgress);
  onProgress(`building image ${name} from ${context}`);
  return await withDependencies(imageName(name), context, setup.surroundings, onProgress, async (folder) =>
    dockerBuild(source, folder, reference, { BASE: setup.nodeBaseImage, ...languages }),
  );
}

async function dockerBuild(
  source: ImageSource,
  folder: string,
  reference: string,
  bases: Readonly<Record<string, string>>,
): Promise<string> {
  const args = [
    // A step that fails would leave its container behind.
    ...["build", "--force-rm", "--tag", reference],
    ...Object.entries(bases).flatMap(([key, image]) => ["--build-arg", `${key}=${image}`]),
    ...["--label", `${LABEL_OWNER}=${OWNER}`, "--label", `${LABEL_BUILT}=${source.name}`, folder],
  ];
  const { exitCode, stdout, stderr } = await docker(args, { timeoutMs: BUILD_TIMEOUT_MS, accept: "any" });
  if (exitCode === 0) return reference;
  const output = `${stdout}\n${stderr}`.trim().split("\n").slice(-30).join("\n");
  throw new FaultlineError("usage", `image ${source.name} from ${source.context} could not be built:\n${output}`, {
    fix: `Repeat it by hand: docker ${args.join(" ")}`,
  });
}

/** Lower case, digits and single separators: what a reference allows. */
function imageName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
