/**
 * Real clusters for all tests of the cluster tier, one for each file that runs at a time: booting one takes longer than
 * most of them. The first test that asks creates it, and the next ones find it running. Whoever ends the test run
 * removes them.
 */
import { kindProvider } from "../cluster/kind.ts";
import { lockName } from "../cluster/name-lock.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { messageOf } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";

/** Two test runs on one machine need a name each. */
const NAME = process.env.FAULTLINE_TEST_CLUSTER ?? "faultline-test";
/** As many as files run at a time, see vitest.config.ts. */
const NAMES = [NAME, `${NAME}-2`];
const SPEC: ClusterSpec = { topology: "three-workers", ingress: "traefik" };

let shared: Promise<ClusterHandle> | undefined;

/** A cluster with its ingress controller for this file alone, created if it is not running. Tests leave it as they found it. */
export function sharedCluster(): Promise<ClusterHandle> {
  shared ??= open();
  return shared;
}

async function open(): Promise<ClusterHandle> {
  const name = await claim();
  const running = (await kindProvider.list()).some((one) => one.name === name);
  const onProgress = (line: string) => process.stderr.write(`${name}: ${line}\n`);
  // Kept beyond this process: each test file runs in one of its own.
  const request = { name, spec: SPEC, images: [], keep: true, onProgress };
  return await (running ? kindProvider.attach(request) : kindProvider.up(request));
}

/** The first cluster that no other living process tests on; it is held until this one ends. */
async function claim(): Promise<string> {
  return waitFor({
    what: "a cluster that no other test has",
    timeoutMs: 60_000,
    everyMs: 100,
    probe: async () => {
      const said: string[] = [];
      for (const name of NAMES) {
        const problem = await lockName(`${name}.tests`).then(() => null, messageOf);
        if (problem === null) return { done: true, value: name };
        said.push(problem);
      }
      return { done: false, saw: said.join("; ") };
    },
  });
}

/** For the end of a test run; with FAULTLINE_KEEP_TEST_CLUSTER set the clusters stay for the next one. */
export async function removeSharedClusters(): Promise<void> {
  if (process.env.FAULTLINE_KEEP_TEST_CLUSTER !== undefined) return;
  for (const name of NAMES) await kindProvider.down(name, () => {});
}
