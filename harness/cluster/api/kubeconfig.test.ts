import { expect, test } from "vitest";
import { stringify } from "yaml";
import { plainEndpoint } from "./kubeconfig.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const CLUSTER = { server: "https://127.0.0.1:6443/", "certificate-authority-data": base64("authority") };
const CERTIFICATE = { "client-certificate-data": base64("certificate"), "client-key-data": base64("key") };

const kubeconfig = (user: object, cluster: object = CLUSTER) =>
  stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "kind-x",
    contexts: [
      { name: "other", context: { cluster: "other", user: "other" } },
      { name: "kind-x", context: { cluster: "x", user: "me", namespace: "y" } },
    ],
    clusters: [
      { name: "other", cluster: { server: "https://other" } },
      { name: "x", cluster },
    ],
    users: [
      { name: "other", user: { exec: { command: "aws" } } },
      { name: "me", user },
    ],
  });

const NAMELESS = kubeconfig(CERTIFICATE)
  .replace("current-context: kind-x\n", "")
  .replace("- name: kind-x\n    context:", "- context:");

test("a client certificate", async () => {
  const endpoint = plainEndpoint(kubeconfig(CERTIFICATE));
  expect(endpoint).toMatchObject({
    server: "https://127.0.0.1:6443",
    tls: { ca: Buffer.from("authority"), cert: Buffer.from("certificate"), key: Buffer.from("key") },
  });
  expect(await endpoint?.headers()).toEqual({});
});

test("a token", async () => {
  const endpoint = plainEndpoint(kubeconfig({ token: "secret" }));
  expect(await endpoint?.headers()).toEqual({ authorization: "Bearer secret" });
});

test.each([
  ["a plugin", kubeconfig({ exec: { command: "aws" } })],
  ["a token that changes in its file", kubeconfig({ token: "old", tokenFile: "/run/token" })],
  ["a proxy", kubeconfig(CERTIFICATE, { ...CLUSTER, "proxy-url": "http://127.0.0.1:1" })],
  ["another name in the certificate", kubeconfig(CERTIFICATE, { ...CLUSTER, "tls-server-name": "api" })],
  ["an authority in a file", kubeconfig(CERTIFICATE, { server: "https://x", "certificate-authority": "ca.crt" })],
  ["no such context", kubeconfig(CERTIFICATE).replace("current-context: kind-x", "current-context: gone")],
  ["an authority that is no base64", kubeconfig(CERTIFICATE, { ...CLUSTER, "certificate-authority-data": "a b!" })],
  ["a key that is no base64", kubeconfig({ ...CERTIFICATE, "client-key-data": "abc" })],
  ["a server that is no URL", kubeconfig(CERTIFICATE, { ...CLUSTER, server: "somewhere" })],
  ["no current context, and one without a name", NAMELESS],
  ["no kubeconfig", "a: b"],
  ["no YAML", "{{{"],
])("%s is left to the client library", (_what, text) => {
  expect(plainEndpoint(text)).toBeNull();
});
