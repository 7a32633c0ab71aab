/**
 * What kind writes into a kubeconfig: one server, its authority, and a client certificate or a token. Reading that much
 * here keeps the client library out of most runs, which costs 80 MB of memory once it is loaded; whatever else a
 * kubeconfig can hold (plugins, OIDC, files that change, proxies) is left to the library.
 */
import { parse } from "yaml";
import type { Endpoint } from "./transport.ts";

/** null where the current context needs more than this file knows, or the text is no kubeconfig. */
export function plainEndpoint(text: string): Endpoint | null {
  const file = parsed(text);
  const context = partOf(named(file, "contexts", file["current-context"]).context);
  const cluster = only(
    partOf(named(file, "clusters", context.cluster).cluster),
    "server",
    "certificate-authority-data",
  );
  const given = partOf(named(file, "users", context.user).user);
  const user = only(given, "client-certificate-data", "client-key-data") ?? only(given, "token");
  if (cluster === null || user === null || !URL.canParse(cluster.server)) return null;
  const ca = bytes(cluster["certificate-authority-data"]);
  if (ca === null) return null;
  const server = cluster.server.replace(/\/$/, "");
  if ("token" in user) {
    const headers = { authorization: `Bearer ${user.token}` };
    return { server, tls: { ca }, headers: async () => headers };
  }
  const cert = bytes(user["client-certificate-data"]);
  const key = bytes(user["client-key-data"]);
  if (cert === null || key === null) return null;
  return { server, tls: { ca, cert, key }, headers: async () => ({}) };
}

/** null where the text is no base64: Node reads as much of one as it can. */
function bytes(base64: string): Buffer | null {
  const read = Buffer.from(base64, "base64");
  return read.toString("base64") === base64 ? read : null;
}

type Part = Readonly<Record<string, unknown>>;

function parsed(text: string): Part {
  try {
    return partOf(parse(text));
  } catch {
    return {};
  }
}

const partOf = (value: unknown): Part => (typeof value === "object" && value !== null ? (value as Part) : {});

function named(file: Part, list: string, name: unknown): Part {
  const rows = Array.isArray(file[list]) ? file[list].map(partOf) : [];
  return rows.find((row) => typeof row.name === "string" && row.name === name) ?? {};
}

/** What has exactly these keys, with a text each; null: it holds something that is not known here. */
function only<Key extends string>(part: Part, ...keys: readonly Key[]): Readonly<Record<Key, string>> | null {
  const isIt =
    Object.keys(part).length === keys.length && keys.every((key) => typeof part[key] === "string" && part[key]);
  return isIt ? (part as Readonly<Record<Key, string>>) : null;
}
