/** A certificate that clients of the API server accept, without any CA key being touched: the cluster signs a request. */

import type { Kube } from "../../cluster/kube.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import { certificateRequest } from "./certificate-request.ts";

export interface ServingCertificate {
  readonly keyPem: string;
  readonly certificatePem: string;
}

const API = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" } as const;
const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/** Signs for the cluster's own CA, the one in every service account's `ca.crt`; asks for subject and usages as below. */
const SIGNER = "kubernetes.io/kubelet-serving";

/**
 * Asks the cluster for a serving certificate with `names`, approves the request, and removes it again.
 * The subject names no node that exists, and the usage is server authentication: it authenticates nobody as a client.
 * @throws FaultlineError `deadline` where the cluster's signer does not answer (some managed clusters run none).
 */
export async function servingCertificate(
  kube: Kube,
  request: {
    readonly id: string;
    readonly names: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly lifeSeconds: number;
    readonly signal: AbortSignal;
  },
): Promise<ServingCertificate> {
  const subject = { organization: "system:nodes", commonName: `system:node:${request.id}`, names: request.names };
  const { keyPem, requestPem } = certificateRequest(subject);
  const created = await kube.create({
    ...API,
    metadata: { name: request.id, labels: request.labels },
    spec: {
      request: Buffer.from(requestPem).toString("base64"),
      signerName: SIGNER,
      usages: ["digital signature", "server auth"],
      expirationSeconds: Math.max(600, request.lifeSeconds),
    },
  });
  try {
    await approve(kube, created);
    return { keyPem, certificatePem: await issued(kube, request.id, request.signal) };
  } finally {
    await kube.delete({ ...API, name: request.id });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: an object as the API returned it.
async function approve(kube: Kube, created: any): Promise<void> {
  const condition = { type: "Approved", status: "True", reason: "Faultline", message: "serves a proxy of a fault" };
  await kube.request("PUT", `${PATH}/${created.metadata.name}/approval`, {
    ...created,
    ...API,
    status: { ...created.status, conditions: [condition] },
  });
}

async function issued(kube: Kube, name: string, signal: AbortSignal): Promise<string> {
  return waitFor({
    what: `certificate of request ${name}`,
    timeoutMs: 20_000,
    everyMs: 100,
    signal,
    probe: async () => {
      const found = await kube.get({ ...API, name });
      const failed = found?.status?.conditions?.find((one: { type: string }) => one.type !== "Approved");
      if (failed !== undefined) throw new FaultlineError("fault", `the cluster refused to sign: ${failed.message}`);
      const certificate: unknown = found?.status?.certificate;
      if (typeof certificate !== "string") return { done: false, saw: "approved, not signed yet" };
      return { done: true, value: Buffer.from(certificate, "base64").toString("utf8") };
    },
    isFatal: (error) => error instanceof FaultlineError && error.code === "fault",
  });
}
