import { describe, expect, it } from "vitest";
import type { NodeHandle } from "../../cluster/provider.ts";
import { podNetwork } from "./pod-network.ts";

describe("a pod's network namespace", () => {
  const target = { namespace: "ingress", name: "traefik", uid: "u1", node: "n1" };

  /** A node whose container runtime answers as containerd does. */
  function node(uid: string, info: object): { readonly handle: NodeHandle; readonly ran: string[][] } {
    const ran: string[][] = [];
    const answers: Record<string, object> = {
      pods: { items: [{ id: "s1", metadata: { uid } }] },
      inspectp: { info },
    };
    const exec: NodeHandle["exec"] = async (argv) => {
      ran.push([...argv]);
      const stdout = argv[0] === "crictl" ? JSON.stringify(answers[argv[1] ?? ""]) : "rules";
      return { exitCode: 0, stdout, stderr: "", durationMs: 1 };
    };
    return { handle: { name: "n1", role: "worker", exec }, ran };
  }
  const named = {
    pid: 17,
    runtimeSpec: { linux: { namespaces: [{ type: "network", path: "/var/run/netns/cni-1" }] } },
  };

  it("is entered by its name", async () => {
    const { handle, ran } = node("u1", named);
    expect(await (await podNetwork([handle], target))?.rules()).toBe("rules");
    expect(ran.at(-1)).toEqual(["nsenter", "--net=/var/run/netns/cni-1", "iptables-save"]);
  });

  it("is refused where it has no name: a pod on its node's network", async () => {
    await expect(podNetwork([node("u1", { pid: 17 }).handle], target)).rejects.toThrow(/no named network namespace/);
  });

  it("is gone with its pod: a pod of the same name is another pod, and a node may be gone too", async () => {
    expect(await podNetwork([node("u2", named).handle], target)).toBeNull();
    expect(await podNetwork([], target)).toBeNull();
  });
});
