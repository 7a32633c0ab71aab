/** From a kind of object to its path in the API, through the server's own discovery. */
import { FaultlineError } from "../../errors.ts";
import type { Ref } from "../kube.ts";

/** One row of an APIResourceList, as much as is used. */
export interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}
export type Discover = (groupVersionPath: string) => Promise<readonly ApiResource[]>;

/** `v1` → `/api/v1`, `apps/v1` → `/apis/apps/v1`. */
export function groupVersionPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/**
 * Resolves refs to paths; remembers what each group and version serves, and asks once more for a kind it does not know
 * (its definition may have been installed meanwhile).
 */
export function createPathFinder(discover: Discover) {
  const known = new Map<string, readonly ApiResource[]>();

  async function resourceOf(ref: Ref): Promise<ApiResource> {
    const base = groupVersionPath(ref.apiVersion);
    const isWanted = (row: ApiResource) => row.kind === ref.kind && !row.name.includes("/");
    const remembered = known.get(base)?.find(isWanted);
    if (remembered !== undefined) return remembered;
    const rows = await discover(base);
    known.set(base, rows);
    const found = rows.find(isWanted);
    if (found !== undefined) return found;
    const kinds = [...new Set(rows.map((row) => row.kind))].sort().join(", ");
    throw new FaultlineError("cluster", `the cluster serves no kind ${ref.kind} in ${ref.apiVersion}`, {
      fix: kinds === "" ? `${ref.apiVersion} is not served at all.` : `It serves there: ${kinds}.`,
      context: { apiVersion: ref.apiVersion, kind: ref.kind },
    });
  }

  return {
    /** The collection's path; all namespaces when the ref names none. */
    async collection(ref: Ref): Promise<string> {
      const resource = await resourceOf(ref);
      const scope =
        resource.namespaced && ref.namespace !== undefined ? `/namespaces/${encodeURIComponent(ref.namespace)}` : "";
      return `${groupVersionPath(ref.apiVersion)}${scope}/${resource.name}`;
    },
    /** The object's path. @throws FaultlineError `usage` when a namespaced object has no namespace. */
    async object(ref: Ref & { name: string }): Promise<string> {
      const resource = await resourceOf(ref);
      if (resource.namespaced && ref.namespace === undefined) {
        throw new FaultlineError("usage", `${ref.kind} ${ref.name} needs a namespace`, {
          fix: "Write metadata.namespace.",
        });
      }
      return `${await this.collection(ref)}/${encodeURIComponent(ref.name)}`;
    },
  };
}

/** `?a=1&b=x`, leaving out what is undefined; empty when nothing is left. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
