/** How the API server is made to misbehave, and which requests that concerns. Pure. */
import { isDuration } from "./control.ts";

const MODES = ["pass", "endpoints-late", "late", "unavailable", "watches-stalled"] as const;

export type ApiMode = (typeof MODES)[number];

export interface ApiSettings {
  readonly mode: ApiMode;
  /** Of the two late modes. */
  readonly lagMs: number;
}

const ENDPOINTS =
  /^\/(apis\/discovery\.k8s\.io\/[^/]+\/(watch\/)?(namespaces\/[^/]+\/)?endpointslices|api\/v1\/(watch\/)?(namespaces\/[^/]+\/)?endpoints)(\/|\?|$)/;

/** Is this the path of a request for endpoints, one or many? */
export function concernsEndpoints(url: string): boolean {
  return ENDPOINTS.test(url);
}

export const isWatch = (url: string) => /[?&]watch=(1|true)(&|$)|\/watch\//.test(url);

/** @throws RangeError when these are none. */
export function settingsOf(settings: unknown): ApiSettings {
  const { mode, lagMs } = settings as ApiSettings;
  if (!MODES.includes(mode) || !isDuration(lagMs)) throw new RangeError("a mode, and lagMs of 0 or more");
  return { mode, lagMs };
}

export function isHit({ mode }: ApiSettings, url: string): boolean {
  if (mode === "endpoints-late") return concernsEndpoints(url);
  return mode === "watches-stalled" ? isWatch(url) : mode !== "pass";
}
