/** What crashed runs left on this machine: found by our labels, and removed only where no living process answers for it. */
import { docker, nodeContainers } from "./docker.ts";
import { collectGuards } from "./host-guard.ts";
import { removeOldBakedImages } from "./images/bake.ts";
import { removeNodes } from "./kind-create.ts";
import { KIND_CLUSTER_LABEL, LABEL_OWNER, OWNER } from "./labels.ts";
import { lockName } from "./name-lock.ts";
import { removeUnusedNetworks } from "./network.ts";
import { isAlive, LABEL_PROCESS } from "./owner.ts";
import { listRecords, readRecord, removeClusterFolder } from "./record.ts";
import { setupState } from "./setup/index.ts";

/** Node images with samples inside that are kept: the last few contents that somebody worked on. */
const BAKED_IMAGES_KEPT = 4;

/** @returns what was removed, one line each. */
export async function collectGarbage(onProgress: (line: string) => void): Promise<readonly string[]> {
  const removed: string[] = [];
  const note = (line: string) => {
    removed.push(line);
    onProgress(`removed ${line}`);
  };
  for (const line of await collectGuards(onProgress)) note(line);
  await deadClusters(note, onProgress);
  await strayContainers(note);
  const inCreation = (await listRecords()).filter(({ state, owner }) => state === "creating" && isAlive(owner));
  const helper = await setupState()
    .then(({ nodeImage }) => nodeImage)
    .catch(() => undefined);
  for (const line of await removeUnusedNetworks(new Set(inCreation.map(({ network }) => network)), helper)) note(line);
  for (const tag of await removeOldBakedImages(BAKED_IMAGES_KEPT)) note(`image ${tag}`);
  return removed;
}

/** Clusters whose creator is gone: those that were not to be kept, and those that never became ready. */
async function deadClusters(note: (line: string) => void, onProgress: (line: string) => void): Promise<void> {
  const containers = (await nodeContainers()).filter(({ ours }) => ours);
  const records = await listRecords();
  const names = new Set([...containers.map(({ cluster }) => cluster), ...records.map((record) => record.name)]);
  for (const name of names) {
    const record = await readRecord(name);
    if (record === null) {
      onProgress(`left cluster ${name}: made from another state folder; remove it with faultline cluster down ${name}`);
      continue;
    }
    const hasNodes = containers.some(({ cluster }) => cluster === name);
    const wanted = hasNodes && record.keep && record.state === "ready";
    if (wanted || isAlive(record.owner)) continue;
    const release = await lockName(name);
    try {
      if (hasNodes) await removeNodes(name);
      await removeClusterFolder(name);
    } finally {
      await release();
    }
    note(hasNodes ? `cluster ${name}` : `folder of cluster ${name}`);
  }
}

/** Containers that carry the name of a process which is gone. Nodes never count: a cluster's record answers for them. */
async function strayContainers(note: (line: string) => void): Promise<void> {
  const { stdout } = await docker([
    ...["ps", "--all", "--filter", `label=${LABEL_OWNER}=${OWNER}`, "--filter", `label=${LABEL_PROCESS}`],
    ...["--format", `{{.ID}} {{.Names}} {{.Label "${LABEL_PROCESS}"}};{{.Label "${KIND_CLUSTER_LABEL}"}}`],
  ]);
  for (const line of stdout.split("\n").filter((row) => row !== "")) {
    const [id = "", name = "", labels = ""] = line.split(" ");
    const [token = "", cluster = ""] = labels.split(";");
    if (cluster !== "" || token === "" || isAlive(token)) continue;
    await docker(["rm", "--force", "--volumes", id], { accept: "any" });
    note(`container ${name}`);
  }
}
