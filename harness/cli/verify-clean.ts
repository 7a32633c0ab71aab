/** `faultline verify-clean`: proves that nothing of ours is left in a cluster, or lists it. */
import { attachKubeconfig } from "../cluster/attach.ts";
import { leftOnHost } from "../cluster/host-guard.ts";
import { kindProvider } from "../cluster/kind.ts";
import { FaultlineError } from "../errors.ts";
import { type Leftover, leftovers } from "../run/leftovers.ts";

export interface VerifyCleanOptions {
  readonly cluster?: string;
  readonly kubeconfig?: string;
  readonly json: boolean;
}

/** @returns 0 when nothing is left, 3 with a line for each thing that is. */
export async function verifyCleanCommand(options: VerifyCleanOptions): Promise<number> {
  const found = await look(options);
  if (options.json) process.stdout.write(`${JSON.stringify({ clean: found.length === 0, left: found })}\n`);
  else if (found.length === 0) process.stdout.write("clean: nothing of ours is left\n");
  else for (const { where, what } of found) process.stdout.write(`LEFT  ${where}: ${what}\n`);
  return found.length === 0 ? 0 : 3;
}

async function look({ cluster, kubeconfig }: VerifyCleanOptions): Promise<readonly Leftover[]> {
  if (kubeconfig !== undefined && cluster === undefined) {
    const attached = await attachKubeconfig(kubeconfig);
    try {
      return await leftovers(attached.handle);
    } finally {
      await attached.close();
    }
  }
  if (cluster === undefined || kubeconfig !== undefined) {
    throw new FaultlineError(
      "usage",
      "say which cluster: --cluster <name> for one of ours here, or --kubeconfig <file>",
    );
  }
  const handle = await kindProvider.reach(cluster);
  if (handle === null) throw new FaultlineError("cluster", `there is no cluster ${cluster}`);
  const guards = (await leftOnHost()).map((id) => ({ where: "this machine", what: `guard ${id}` }));
  try {
    return [...guards, ...(await leftovers(handle))];
  } finally {
    handle.kube.close();
  }
}
