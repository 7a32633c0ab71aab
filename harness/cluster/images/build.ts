/** Sample images, built once per content. */
import { FaultlineError } from "../../errors.ts";
import { docker, imageId } from "../docker.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { contentHash } from "./content.ts";

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
 * @param baseImage what `ARG BASE` of a Dockerfile gets.
 * @returns references by name.
 * @throws FaultlineError `usage` with the builder's own output.
 */
export async function buildImages(
  sources: readonly ImageSource[],
  baseImage: string,
  onProgress: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  const baseId = (await imageId(baseImage)) ?? baseImage;
  const built = await Promise.all(
    sources.map(async (source) => [source.name, await buildImage(source, baseImage, baseId, onProgress)] as const),
  );
  return Object.fromEntries(built);
}

async function buildImage(
  source: ImageSource,
  baseImage: string,
  baseId: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const reference = `${IMAGE_PREFIX}${imageName(source.name)}:${await contentHash(source.context, [baseId])}`;
  if ((await imageId(reference)) !== null) return reference;
  onProgress(`building image ${source.name} from ${source.context}`);
  const args = [
    // A step that fails would leave its container behind.
    ...["build", "--force-rm", "--tag", reference, "--build-arg", `BASE=${baseImage}`],
    ...["--label", `${LABEL_OWNER}=${OWNER}`, "--label", `${LABEL_BUILT}=${source.name}`, source.context],
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
