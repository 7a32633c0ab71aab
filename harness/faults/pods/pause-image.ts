/** The image of every pod's sandbox: on every node, pinned, and a program that does nothing. */
import type { Kube } from "../../cluster/kube.ts";
import { FaultlineError } from "../../errors.ts";

/** @throws FaultlineError `fault` where none of the nodes tells of one. */
export async function pauseImage(kube: Kube): Promise<string> {
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  const names = nodes.flatMap((node) =>
    (node.status?.images ?? []).flatMap((image: { names?: readonly string[] }) => image.names ?? []),
  );
  const found = names.find((name: string) => /(^|\/)pause:[^@]+$/.test(name));
  if (found !== undefined) return found;
  throw new FaultlineError("fault", "no node has a pause image: there is nothing that the pods could run", {
    fix: "give the fault a `template` with an image that the nodes have",
  });
}
