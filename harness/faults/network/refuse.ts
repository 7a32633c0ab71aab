/** What a network fault refuses before anything is touched. */
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";
import { type End, EVERYBODY, type Peers, witnessesOf } from "./ends.ts";
import { foreignIds } from "./rules.ts";

const NODE_TIMEOUT_MS = 20_000;

/** @throws FaultlineError `fault` when no effect on it could be measured. */
export function refuseUnmeasurable(target: End, peers: Peers): void {
  if (witnessesOf(target, peers).length > 0) return;
  throw new FaultlineError(
    "fault",
    `${target.name} has no peer in this cluster that its traffic could be measured with`,
    {
      fix: "choose peers that match a pod or node of the cluster beside the targets, on another node where the target is a node",
    },
  );
}

/** @throws FaultlineError `fault` when one of the targets is hit by another fault of the kind that `word` names. */
export async function refuseSecond(
  context: FaultContext,
  word: string,
  id: string,
  targets: readonly End[],
): Promise<void> {
  const nodes = (await context.cluster.nodes()).filter(({ name }) => targets.some(({ node }) => node === name));
  const found = await Promise.all(
    nodes.map(async (node) => {
      const here = targets.filter((target) => target.node === node.name);
      const selves = here.map(({ isNode, ip }) => (isNode ? EVERYBODY : `${ip}/32`));
      const saved = await node.exec(["iptables-save"], { timeoutMs: NODE_TIMEOUT_MS });
      return foreignIds(saved.stdout, word, id, selves);
    }),
  );
  const ids = [...new Set(found.flat())];
  if (ids.length === 0) return;
  throw new FaultlineError("fault", `a target is hit by the same kind of fault already: ${ids.join(", ")}`, {
    fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
    context: { ids },
  });
}
