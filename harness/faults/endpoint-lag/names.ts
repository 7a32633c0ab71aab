/** What the fault creates is found again by one short id, which the undo token carries. */
import { createHash } from "node:crypto";
import { LABEL_OWNER, LABEL_RUN, OWNER, SYSTEM_NAMESPACE } from "../../cluster/labels.ts";

export const LABEL_FAULT = "faultline.dev/fault";

/** The same fault of the same run always has the same id; it is a valid name and label. */
export function lagId(runId: string, faultId: string): string {
  return `faultline-lag-${createHash("sha256").update(`${runId}\n${faultId}`).digest("hex").slice(0, 10)}`;
}

export function labelsOf(id: string, runId: string): Readonly<Record<string, string>> {
  return { [LABEL_OWNER]: OWNER, [LABEL_RUN]: runId, [LABEL_FAULT]: id };
}

/** Metadata of an object of this fault in the harness's own namespace. */
export function metadataOf(name: string, id: string, runId: string) {
  return { name, namespace: SYSTEM_NAMESPACE, labels: labelsOf(id, runId) };
}
