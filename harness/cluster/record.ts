/** What is known of a cluster beside what runs: a file in its folder, written before its first container. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterFolder, home } from "./paths.ts";
import type { ClusterSettings } from "./topology-settings.ts";

export interface ClusterRecord {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly state: "creating" | "ready";
  /** RFC 3339. */
  readonly createdAt: string;
  /** See owner.ts: the process that created it. */
  readonly owner: string;
  /** Stays when its owner is gone. */
  readonly keep: boolean;
  readonly topology: string;
  readonly network: string;
  /** Absent in records of earlier versions. */
  readonly settings?: ClusterSettings;
}

const FILE = "cluster.json";

export async function writeRecord(record: ClusterRecord): Promise<void> {
  const folder = clusterFolder(record.name);
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `${FILE}.${process.pid}`);
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`);
  await rename(draft, join(folder, FILE));
}

/** null: there is none, or none that can be understood. */
export async function readRecord(name: string): Promise<ClusterRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(clusterFolder(name), FILE), "utf8")) as ClusterRecord;
    return record.schemaVersion === 1 ? record : null;
  } catch {
    return null;
  }
}

export async function listRecords(): Promise<readonly ClusterRecord[]> {
  const names = await readdir(join(home(), "clusters")).catch(() => []);
  const records = await Promise.all(names.map(readRecord));
  return records.filter((record) => record !== null);
}

export async function removeClusterFolder(name: string): Promise<void> {
  await rm(clusterFolder(name), { recursive: true, force: true });
}
