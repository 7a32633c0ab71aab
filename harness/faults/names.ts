/** What a fault creates is found again by one short id, which the undo token carries. */
import { createHash } from "node:crypto";
import { LABEL_FAULT, LABEL_OWNER, LABEL_RUN, OWNER, SYSTEM_NAMESPACE } from "../cluster/labels.ts";

/**
 * The id of a fault: the same fault of the same run always has the same one. A valid name and label of at most 40
 * characters; also the comment of its iptables rules (`faultline:<id>`) and the name of its units and cgroups.
 * @param word what kind of fault it is, for people who meet the name: `lag`, `cpu`.
 */
export function faultName(word: string, runId: string, faultId: string): string {
  return `faultline-${word}-${createHash("sha256").update(`${runId}\n${faultId}`).digest("hex").slice(0, 10)}`;
}

export function labelsOf(id: string, runId: string): Readonly<Record<string, string>> {
  return { [LABEL_OWNER]: OWNER, [LABEL_RUN]: runId, [LABEL_FAULT]: id };
}

/** Metadata of an object of this fault in the harness's own namespace. */
export function metadataOf(name: string, id: string, runId: string) {
  return { name, namespace: SYSTEM_NAMESPACE, labels: labelsOf(id, runId) };
}
