/** Images that a registry has. */
import { FaultlineError, messageOf } from "../../errors.ts";
import { docker, imageId } from "../docker.ts";

const PULL_TIMEOUT_MS = 900_000;

/**
 * Pulls an image that is not here.
 * @throws FaultlineError `setup` when it cannot be had.
 */
export async function ensureLocalImage(reference: string, onProgress: (line: string) => void): Promise<void> {
  if ((await imageId(reference)) !== null) return;
  onProgress(`pulling ${reference}`);
  try {
    await docker(["pull", "--quiet", reference], { timeoutMs: PULL_TIMEOUT_MS });
  } catch (cause) {
    throw new FaultlineError("setup", `image ${reference} is not here and cannot be pulled: ${messageOf(cause)}`, {
      fix: "Name another one, set FAULTLINE_IMAGE_MIRROR, or build it: faultline setup.",
      cause,
    });
  }
}
