/**
 * One real cluster for all tests of the cluster tier: booting one takes longer than most of them. The first test that
 * asks creates it; files run one after the other, so the next ones find it running. Whoever ends the test run removes it.
 */
import { kindProvider } from "../cluster/kind.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import type { ClusterSpec } from "../types.ts";

/** Two test runs on one machine need a name each. */
export const SHARED_CLUSTER = process.env.FAULTLINE_TEST_CLUSTER ?? "faultline-test";
const SPEC: ClusterSpec = { topology: "two-workers", ingress: "traefik" };

const onProgress = (line: string) => process.stderr.write(`${SHARED_CLUSTER}: ${line}\n`);

let shared: Promise<ClusterHandle> | undefined;

/** The shared cluster with its ingress controller, created if it is not running. Tests leave it as they found it. */
export function sharedCluster(): Promise<ClusterHandle> {
  shared ??= open();
  return shared;
}

async function open(): Promise<ClusterHandle> {
  const running = (await kindProvider.list()).some(({ name }) => name === SHARED_CLUSTER);
  // Kept beyond this process: each test file may run in a worker of its own.
  const request = { name: SHARED_CLUSTER, spec: SPEC, images: [], keep: true, onProgress };
  return await (running ? kindProvider.attach(request) : kindProvider.up(request));
}

/** For the end of a test run; with FAULTLINE_KEEP_TEST_CLUSTER set the cluster stays for the next one. */
export async function removeSharedCluster(): Promise<void> {
  if (process.env.FAULTLINE_KEEP_TEST_CLUSTER !== undefined) return;
  await kindProvider.down(SHARED_CLUSTER, () => {});
}
