/**
 * The ledger in the cluster, beside the journal on disk: one ConfigMap for each fault that may be in, with its undo, so
 * that any machine with a kubeconfig can put right what a run left there.
 */
import { createHash } from "node:crypto";
import type { Kube, KubeObject } from "../cluster/kube.ts";
import { LABEL_OWNER, LABEL_RUN, OWNER, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import { FaultlineError } from "../errors.ts";
import type { FaultContext } from "../faults/fault.ts";
import type { FaultKind, Json } from "../types.ts";
import type { FaultIdentity } from "./fault-step.ts";

export interface LedgerEntry {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly id: string;
  readonly arm: string;
  readonly fault: string;
  readonly kind: FaultKind;
  readonly undo: Json;
  /** The arm's namespace. */
  readonly namespace: string;
  /** RFC 3339; later entries are undone first. */
  readonly since: string;
}

const LABEL_LEDGER = "faultline.dev/ledger";
const COLLECTION = { apiVersion: "v1", kind: "ConfigMap", namespace: SYSTEM_NAMESPACE } as const;

/** The namespace is there: the run's lock stands in it. @throws when the API server does not take it: a fault that only this machine knows of is not injected. */
export async function enterIntoLedger(
  context: FaultContext,
  fault: FaultIdentity & { readonly undo: Json },
): Promise<void> {
  const { kube } = context.cluster;
  const { runId, namespace } = context;
  const labels = { [LABEL_OWNER]: OWNER, [LABEL_RUN]: runId, [LABEL_LEDGER]: "fault" };
  const entry: LedgerEntry = { schemaVersion: 1, runId, namespace, since: new Date().toISOString(), ...fault };
  await kube.apply({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: nameOf(runId, fault.id), namespace: SYSTEM_NAMESPACE, labels },
    data: { entry: JSON.stringify(entry) },
  });
}

/** Right if it is struck already. */
export async function strikeFromLedger(
  context: Pick<FaultContext, "cluster" | "runId">,
  faultId: string,
): Promise<void> {
  await context.cluster.kube.delete({ ...COLLECTION, name: nameOf(context.runId, faultId) });
}

/** What may be in, newest first: the order in which it is undone. */
export async function readLedger(kube: Kube): Promise<readonly LedgerEntry[]> {
  const found = await kube.list(COLLECTION, { labelSelector: `${LABEL_LEDGER}=fault` });
  return found.map(parse).sort((a, b) => b.since.localeCompare(a.since));
}

function parse(object: KubeObject): LedgerEntry {
  const entry = JSON.parse(object.data?.entry ?? "null") as LedgerEntry | null;
  if (entry?.schemaVersion === 1) return entry;
  throw new FaultlineError(
    "cluster",
    `ConfigMap ${SYSTEM_NAMESPACE}/${object.metadata.name} is no ledger entry of this version`,
    {
      fix: "use the version of faultline that wrote it",
    },
  );
}

const nameOf = (runId: string, faultId: string) =>
  `faultline-ledger-${createHash("sha256").update(`${runId}\n${faultId}`).digest("hex").slice(0, 10)}`;
