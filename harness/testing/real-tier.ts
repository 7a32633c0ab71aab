/** Before and after the tests on real parts: what an earlier run left is removed, and nothing of this one stays. */
import { kindProvider } from "../cluster/kind.ts";
import { removeSharedClusters } from "./shared-cluster.ts";

const log = (line: string) => {
  process.stderr.write(`${line}\n`);
};

export async function setup(): Promise<void> {
  if (process.env.FAULTLINE_KEEP_TEST_CLUSTER === undefined) await removeSharedClusters();
  await kindProvider.gc(log);
}

export async function teardown(): Promise<void> {
  await removeSharedClusters();
  await kindProvider.gc(log);
}
