/** How an arm differs: variables filled into texts, patches merged into manifests. Pure. */
import { parseAllDocuments } from "yaml";
import type { Json, JsonObject, Manifest, Problem } from "../types.ts";

/** Fills `${KEY}`; a key that nobody defined is a problem, never an empty text. */
export function fillIn(
  text: string,
  vars: Readonly<Record<string, string>>,
  path: string,
): { readonly text: string; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const filled = text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, key: string) => {
    const value = vars[key];
    if (value !== undefined) return value;
    problems.push({ path, message: `\${${key}} is not defined; known: ${Object.keys(vars).join(", ")}` });
    return whole;
  });
  return { text: filled, problems };
}

/** Fills in every text of a value, however deep. */
export function fillAll(
  value: Json,
  vars: Readonly<Record<string, string>>,
  path: string,
): { readonly value: Json; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const filled = (given: Json): Json => {
    if (typeof given === "string") {
      const { text, problems: found } = fillIn(given, vars, path);
      problems.push(...found);
      return text;
    }
    if (Array.isArray(given)) return given.map(filled);
    if (!isObject(given)) return given;
    return Object.fromEntries(Object.entries(given).map(([key, child]) => [key, filled(child)]));
  };
  return { value: filled(value), problems };
}

/** The objects of a YAML text with one or more documents; empty documents are skipped. */
export function parseManifests(
  text: string,
  path: string,
): { readonly manifests: readonly Manifest[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const manifests: Manifest[] = [];
  for (const [i, document] of parseAllDocuments(text).entries()) {
    for (const error of document.errors) problems.push({ path, message: error.message.split("\n")[0] ?? "not YAML" });
    const object = document.errors.length > 0 ? null : (document.toJS() as Manifest | null);
    if (object === null) continue;
    if (typeof object.apiVersion !== "string" || typeof object.kind !== "string" || !object.metadata?.name) {
      problems.push({ path, message: `document ${i + 1} needs apiVersion, kind and metadata.name` });
    } else {
      manifests.push(object);
    }
  }
  return { manifests, problems };
}

/**
 * Merges a patch as a person would expect of Kubernetes objects: objects deep, lists of named things (containers,
 * env, ports) by `name`, other lists replaced, null removes.
 */
export function merge(base: Json | undefined, patch: Json): Json {
  if (Array.isArray(patch))
    return Array.isArray(base) && named(base) && named(patch) ? mergeByName(base, patch) : patch;
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function mergeByName(base: readonly Json[], patch: readonly Json[]): Json {
  const merged = base.map((item) => {
    const change = patch.find((one) => nameOf(one) === nameOf(item));
    return change === undefined ? item : merge(item, change);
  });
  return [...merged, ...patch.filter((one) => !base.some((item) => nameOf(item) === nameOf(one)))];
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const nameOf = (value: Json) => (isObject(value) ? value.name : undefined);
const named = (items: readonly Json[]) => items.every((item) => typeof nameOf(item) === "string");

/** Replaces the plan's image names by what the nodes know, and forbids to pull what was built here. */
export function withImages(object: JsonObject, images: Readonly<Record<string, string>>): JsonObject {
  const replace = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== "object" || value === null) return value;
    const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, replace(child)]));
    const image = typeof copy.image === "string" ? images[copy.image] : undefined;
    return image === undefined ? copy : merge(copy, { image, imagePullPolicy: "Never" });
  };
  return replace(object) as JsonObject;
}
