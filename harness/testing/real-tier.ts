/** Before and after the tests on real parts: what an earlier run left is removed, and nothing of this one stays. */
import { kindProvider } from "../cluster/kind.ts";
import { removeSharedCluster } from "./shared-cluster.ts";

const log = (line: string) => {
  process.stderr.write(`${line}\n`);
};

export async function setup(): Promise<void> {
  if (process.env.FAULTLINE_KEEP_TEST_CLUSTER === undefined) await removeSharedCluster();
  await kindProvider.gc(log);
}

export async function teardown(): Promise<void> {
  await removeSharedCluster();
  await kindProvider.gc(log);
}
