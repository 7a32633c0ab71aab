/** Kubelets as targets: found by the node's address, changed on the node, looked at from outside of it. */
import { hostname } from "node:os";
import { askKubelet, internalIpOf, type KubeletAnswer } from "../../cluster/kubelet-port.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { NodeTargets } from "../../fault-specs.ts";
import type { FaultContext } from "../fault.ts";
import { chooseNodes } from "../targets.ts";

/** As an undo token holds it. */
export type KubeletNode = {
  readonly name: string;
  readonly address: string;
  /** The machine that can ask it on its own port; from another one only the API server can be asked. */
  readonly host: string;
};

const LOOK_MS = 1_000;

/** @throws FaultlineError `fault` when a kubelet does not run: there would be nothing to stop or to slow down. */
export async function chooseKubelets(context: FaultContext, targets: NodeTargets): Promise<readonly KubeletNode[]> {
  const names = await chooseNodes(context, targets);
  return await Promise.all(
    names.map(async (name) => {
      const address = internalIpOf(await context.cluster.kube.get({ ...NODE, name }));
      const node = { name, address, host: hostname() };
      if ((await askNode(node)).reached === "tls") return node;
      throw new FaultlineError("fault", `the kubelet of ${name} does not answer: a fault on it would have no effect`, {
        fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
      });
    }),
  );
}
const NODE = { apiVersion: "v1", kind: "Node" } as const;

export const askNode = async ({ address }: KubeletNode): Promise<KubeletAnswer> => askKubelet(address, LOOK_MS);

/** Does the same on each node side by side; nodes that are gone need nothing. */
export async function onEach(
  context: FaultContext,
  targets: readonly { readonly name: string }[],
  act: (node: NodeHandle) => Promise<void>,
): Promise<void> {
  const nodes = await context.cluster.nodes();
  await Promise.all(
    targets.map(({ name }) => nodes.find((node) => node.name === name)).map(async (node) => node && act(node)),
  );
}

export async function untilKubeletsAnswer(context: FaultContext, targets: readonly KubeletNode[]): Promise<void> {
  const answers = async (node: KubeletNode) =>
    waitFor({
      what: `the kubelet of ${node.name} to answer`,
      timeoutMs: context.budgetMs,
      everyMs: 50,
      signal: context.signal,
      probe: async () => {
        const { reached } = await askNode(node);
        return reached === "tls" ? { done: true, value: undefined } : { done: false, saw: reached };
      },
    });
  await Promise.all(targets.map(answers));
}
