/** Names of clusters. */
import { FaultlineError } from "../errors.ts";

/** kind makes host names of it (`<name>-control-plane`), which may have 63 characters; kind itself warns from 50. */
const LONGEST = 40;

/** @throws FaultlineError `usage` when kind could not make host names of it. */
export function checkClusterName(name: string): void {
  if (/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name) && name.length <= LONGEST) return;
  throw new FaultlineError("usage", `cluster name "${name}" is none`, {
    fix: `Lower-case letters, digits and hyphens, beginning with a letter, at most ${LONGEST} characters: faultline-dev.`,
  });
}
