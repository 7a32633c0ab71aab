import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kube } from "../kube.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { ACCESS_LOG_FIELDS, INGRESS, traefikManifests, waitForIngress } from "./traefik.ts";

describe("the objects of the ingress controller", () => {
  const manifests = traefikManifests({ image: "traefik:v3" });

  it("are all labelled as ours, the namespace first", () => {
    expect(manifests[0]?.kind).toBe("Namespace");
    for (const { metadata } of manifests) expect(metadata.labels).toMatchObject({ [LABEL_OWNER]: OWNER });
  });

  it("call nobody outside, and log what the harness reads and nothing else", () => {
    const deployment = manifests.find(({ kind }) => kind === "Deployment") as unknown as {
      spec: { template: { spec: { containers: { image: string; args: string[] }[] } } };
    };
    const [container] = deployment.spec.template.spec.containers;
    expect(container?.image).toBe("traefik:v3");
    expect(container?.args).toContain("--global.checknewversion=false");
    expect(container?.args).toContain("--global.sendanonymoususage=false");
    expect(container?.args).toContain("--accesslog.fields.defaultmode=drop");
    expect(container?.args).toContain("--accesslog.fields.headers.defaultmode=drop");
    const kept = container?.args.filter((arg) => arg.endsWith("=keep"));
    expect(kept).toEqual(ACCESS_LOG_FIELDS.map((field) => `--accesslog.fields.names.${field}=keep`));
  });
});

describe("waiting for the ingress controller", () => {
  const server = createServer((_, out) => out.writeHead(404).end());
  let ingressUrl = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ingressUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  /** A Deployment that is available from the third look on. */
  function kubeWith(lookUntilAvailable: number): Kube {
    let looks = 0;
    const get: Kube["get"] = async () => {
      looks += 1;
      const availableReplicas = looks >= lookUntilAvailable ? 1 : 0;
      return { metadata: { generation: 2 }, status: { observedGeneration: 2, updatedReplicas: 1, availableReplicas } };
    };
    return { get } as Kube;
  }

  it("ends when it is available and answers anything at all", async () => {
    await expect(waitForIngress({ kube: kubeWith(3), ingressUrl }, { timeoutMs: 20_000 })).resolves.toBeUndefined();
  });

  it("says what it saw last when it does not come", async () => {
    const waiting = waitForIngress({ kube: kubeWith(1_000), ingressUrl }, { timeoutMs: 300 });
    await expect(waiting).rejects.toMatchObject({
      code: "deadline",
      message: expect.stringMatching(`${INGRESS.name} available.*0 of 1 replicas available`),
    });
  });

  it("is refused where there is no ingress", async () => {
    const waiting = waitForIngress({ kube: kubeWith(1), ingressUrl: null }, { timeoutMs: 300 });
    await expect(waiting).rejects.toMatchObject({ code: "cluster" });
  });
});
