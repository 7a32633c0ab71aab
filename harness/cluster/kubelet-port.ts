/** Whether a kubelet answers, asked from this machine on the node's own address: no API server and no shell between. */
import { connect } from "node:tls";
import type { KubeObject } from "./kube.ts";

export const KUBELET_PORT = 10_250;

/** Where the control plane has a node's kubelet; empty when it does not know. */
export function internalIpOf(node: KubeObject): string {
  const addresses: readonly { type: string; address: string }[] = node?.status?.addresses ?? [];
  return addresses.find(({ type }) => type === "InternalIP")?.address ?? "";
}

export interface KubeletAnswer {
  /** `none`: nobody takes the connection. `tcp`: the kernel takes it and no process answers. `tls`: the kubelet lives. */
  readonly reached: "none" | "tcp" | "tls";
  /** Whom the certificate names: an address may have passed on to another node meanwhile. Empty unless `tls`. */
  readonly subject: string;
  /** From the call to the end: the answer, the refusal, or the deadline. Milliseconds. */
  readonly ms: number;
}

/** Never throws: not to be reached is an answer. */
export async function askKubelet(address: string, timeoutMs: number): Promise<KubeletAnswer> {
  const began = performance.now();
  let reached: KubeletAnswer["reached"] = "none";
  let subject = "";
  if (address === "") return { reached, subject, ms: 0 };
  await new Promise<void>((resolve) => {
    // Nothing is sent and nothing believed: who the kubelet is does not matter here.
    const socket = connect({ host: address, port: KUBELET_PORT, rejectUnauthorized: false }, () => {
      reached = "tls";
      subject = String(socket.getPeerCertificate().subject?.CN ?? "");
      done();
    });
    const timer = setTimeout(done, timeoutMs);
    socket.once("connect", () => {
      reached = "tcp";
    });
    socket.once("error", done);
    socket.once("close", done);
    function done() {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    }
  });
  return { reached, subject, ms: Math.round(performance.now() - began) };
}
