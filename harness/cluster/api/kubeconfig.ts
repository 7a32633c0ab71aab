/**
 * What kind writes into a kubeconfig: one server, its authority, and a client certificate or a token. Reading that much
 * here keeps the client library out of most runs, which costs 80 MB of memory once it is loaded; whatever else a
 * kubeconfig can hold (plugins, OIDC, files that change, proxies) is left to the library.
 */
import { parse } from "yaml";
import { z } from "zod";
import type { Endpoint } from "./transport.ts";

const CLUSTER = z.strictObject({ server: z.url(), "certificate-authority-data": z.base64() });
const USER = z.union([
  z.strictObject({ "client-certificate-data": z.base64(), "client-key-data": z.base64() }),
  z.strictObject({ token: z.string().min(1) }),
]);
const FILE = z.object({
  "current-context": z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

/** null where the current context needs more than this file knows, or the text is no kubeconfig. */
export function plainEndpoint(text: string): Endpoint | null {
  const file = FILE.safeParse(parsed(text)).data;
  const context = file?.contexts.find(({ name }) => name === file["current-context"])?.context;
  const cluster = CLUSTER.safeParse(file?.clusters.find(({ name }) => name === context?.cluster)?.cluster).data;
  const user = USER.safeParse(file?.users.find(({ name }) => name === context?.user)?.user).data;
  if (cluster === undefined || user === undefined) return null;
  const bytes = (base64: string) => Buffer.from(base64, "base64");
  const ca = bytes(cluster["certificate-authority-data"]);
  const server = cluster.server.replace(/\/$/, "");
  if ("token" in user) {
    const headers = { authorization: `Bearer ${user.token}` };
    return { server, tls: { ca }, headers: async () => headers };
  }
  const cert = bytes(user["client-certificate-data"]);
  const key = bytes(user["client-key-data"]);
  return { server, tls: { ca, cert, key }, headers: async () => ({}) };
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}
