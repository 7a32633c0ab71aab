/**
 * Base images by the argument with which a Dockerfile asks for them: `ARG JAVA_BASE`. Node's comes with the set-up; those
 * of other languages when an image first needs them: pulled, or, where no image registry answers, built from Debian's
 * packages.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { imageId } from "../docker.ts";
import { mirrored, type Surroundings } from "../setup/images.ts";
import { buildJavaBase, buildPythonBase } from "../setup/language-bases.ts";
import { javaBaseKey, pythonBaseKey } from "../setup/recipe.ts";
import type { StepContext } from "../setup/step.ts";
import { ensureLocalImage } from "./pull.ts";

/** What of the set-up images are built with. */
export interface BuildSetup {
  readonly nodeBaseImage: string;
  readonly surroundings: Surroundings;
}

interface LanguageBase {
  /** Its name in the image registry. */
  readonly upstream: string;
  /** Its name where it is built. */
  readonly built: () => string;
  readonly build: (image: string, context: StepContext) => Promise<void>;
}
const BASES: Readonly<Record<string, LanguageBase>> = {
  JAVA_BASE: {
    upstream: "eclipse-temurin:17-jre",
    built: () => `localhost/faultline/java:17-${javaBaseKey()}`,
    build: buildJavaBase,
  },
  PYTHON_BASE: {
    upstream: "python:3.13-slim",
    built: () => `localhost/faultline/python:3-${pythonBaseKey()}`,
    build: buildPythonBase,
  },
};

/** The arguments of a Dockerfile that name bases of other languages, with the image for each; it need not be there. */
export async function languageBases(context: string, setup: BuildSetup): Promise<Readonly<Record<string, string>>> {
  const dockerfile = await readFile(join(context, "Dockerfile"), "utf8").catch(() => "");
  const asked = [...dockerfile.matchAll(/^ARG (\w+)/gm)].flatMap(([, name = ""]) => (name in BASES ? [name] : []));
  return Object.fromEntries(asked.map((name) => [name, nameOf(name, setup)]));
}

/** Bases that are on their way: images that are built side by side wait for the same one. */
const underWay = new Map<string, Promise<void>>();

/** Brings those that are not here. */
export async function ensureBases(
  bases: Readonly<Record<string, string>>,
  { surroundings }: BuildSetup,
  onProgress: (line: string) => void,
): Promise<void> {
  const bringing = Object.entries(bases).map(async ([name, image]) => {
    const coming = underWay.get(image) ?? bring(name, image, surroundings, onProgress);
    underWay.set(image, coming);
    await coming.finally(() => underWay.delete(image));
  });
  await Promise.all(bringing);
}

async function bring(
  name: string,
  image: string,
  surroundings: Surroundings,
  onProgress: (line: string) => void,
): Promise<void> {
  if (surroundings !== "packages") return await ensureLocalImage(image, onProgress);
  if ((await imageId(image)) !== null) return;
  onProgress(`building ${image} from Debian's packages`);
  await BASES[name]?.build(image, { report: () => undefined, signal: new AbortController().signal });
}

function nameOf(name: string, { surroundings }: BuildSetup): string {
  const base = BASES[name] as LanguageBase;
  if (surroundings === "packages") return base.built();
  const mirror = process.env.FAULTLINE_IMAGE_MIRROR;
  return surroundings === "mirror" && mirror !== undefined ? mirrored(base.upstream, mirror) : base.upstream;
}
