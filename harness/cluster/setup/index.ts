/** What the rest of the harness asks of the machine: are the engine, kind and the images there, and under which names? */
import { FaultlineError } from "../../errors.ts";
import { exec } from "../exec.ts";
import { binFolder } from "../paths.ts";
import { type ImageNames, resolveImages, type Surroundings } from "./images.ts";
import { findProgram } from "./machine.ts";

export interface SetupState extends ImageNames {
  /** Absolute path of the kind program. */
  readonly kindBinary: string;
  readonly surroundings: Surroundings;
}

const RUN_SETUP = "run `faultline setup`";

/**
 * What is set up, under one second and without any network.
 * @throws FaultlineError `setup` that names what is missing; the fix is always `faultline setup`.
 */
export async function setupState(): Promise<SetupState> {
  const present = await localImages();
  // Our own kind first: it is the version that the node image was built for.
  const kindBinary = findProgram("kind", [binFolder()]);
  const candidates: Surroundings[] =
    process.env.FAULTLINE_IMAGE_MIRROR === undefined ? ["registry", "packages"] : ["mirror"];
  for (const surroundings of candidates) {
    const names = resolveImages(surroundings);
    if (kindBinary !== undefined && Object.values(names).every((name: string) => present.has(name))) {
      return { ...names, kindBinary, surroundings };
    }
  }
  const wanted = candidates.map((surroundings) => Object.values(resolveImages(surroundings)).join(", ")).join("; or ");
  const missing = kindBinary === undefined ? "the program kind" : `images: ${wanted}`;
  throw new FaultlineError("setup", `this machine is not set up: missing ${missing}`, { fix: RUN_SETUP });
}

/** The tags of all local images, short names as Docker shows them. */
async function localImages(): Promise<ReadonlySet<string>> {
  try {
    const { stdout } = await exec("docker", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], {
      timeoutMs: 10_000,
    });
    return new Set(stdout.split("\n"));
  } catch (cause) {
    throw new FaultlineError("setup", "this machine is not set up: no Docker engine answers", {
      fix: RUN_SETUP,
      cause,
    });
  }
}
