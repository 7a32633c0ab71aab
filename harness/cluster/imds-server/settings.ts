/** What the mock does: settings of an arm, and changes that faults lay over them. All lengths in milliseconds. */

export type Settings = {
  /** `node`: every caller has the instance's role. `pod`: the role of the caller's pod, as kube2iam and KIAM find it. */
  readonly roles: "node" | "pod";
  /** The instance's role; with `pod`, what callers get whose pod names none or is not known. null: they get 404. */
  readonly defaultRole: string | null;
  /** How long a caller that is not known yet is looked for, as kube2iam does. */
  readonly lookupMaxIntervalMs: number;
  readonly lookupMaxElapsedMs: number;
  /** `required`: IMDSv2 alone. */
  readonly tokens: "optional" | "required";
  /** Of the answer to a token request; 1 does not reach a pod with a network of its own. */
  readonly hopLimit: number;
  /** Lifetime of new credentials. */
  readonly lifetimeMs: number;
  /** Credentials with less than this left are replaced when they are asked for. */
  readonly refreshBeforeMs: number;
  /** What the first credentials of each role have left; null: their whole lifetime. */
  readonly remainingMs: number | null;
  /** Before each answer. */
  readonly latencyMs: number;
};

/** As an instance answers by itself; refresh 5 min before the end; kube2iam's back-off. */
export const DEFAULTS: Settings = {
  roles: "node",
  defaultRole: "faultline-node",
  lookupMaxIntervalMs: 1_000,
  lookupMaxElapsedMs: 2_000,
  tokens: "optional",
  hopLimit: 2,
  lifetimeMs: 6 * 3_600_000,
  refreshBeforeMs: 300_000,
  remainingMs: null,
  latencyMs: 0,
};

/** Which calls a change concerns. `credentials`: the role's name and its credentials. */
export type Calls = "all" | "token" | "credentials";
export type Call = "token" | "role" | "credentials" | "identity" | "other";

export type Change = {
  readonly latency?: { readonly ms: number; readonly calls: Calls };
  /** `share`: 0 to 1. `status` 0: no answer. */
  readonly errors?: { readonly share: number; readonly status: number; readonly calls: Calls };
  readonly unavailable?: { readonly how: "no-answer" | "refuse" | "not-found"; readonly calls: Calls };
  readonly credentials?: {
    readonly lifetimeMs?: number;
    readonly refreshBeforeMs?: number;
    readonly remainingMs?: number;
    /** For so long expired, and not replaced. */
    readonly expiredMs?: number;
  };
};

export const concerns = (calls: Calls, call: Call): boolean =>
  calls === "all" || calls === call || (calls === "credentials" && call === "role");

/** Settings as JSON, what is missing filled in. @throws RangeError for what no mock could do. */
export function settingsOf(given: unknown): Settings {
  const settings = { ...DEFAULTS, ...(given as Partial<Settings>) };
  for (const key of [
    "lookupMaxIntervalMs",
    "lookupMaxElapsedMs",
    "lifetimeMs",
    "refreshBeforeMs",
    "latencyMs",
  ] as const) {
    if (!isLength(settings[key])) throw new RangeError(`${key} must be 0 or more`);
  }
  return settings;
}

const isLength = (value: unknown): value is number => typeof value === "number" && value >= 0;

/** Both must be lengths. @throws RangeError */
export function changeOf(given: unknown): { readonly change: Change; readonly leaseMs: number } {
  const { change, leaseMs } = given as { change: Change; leaseMs: number };
  if (typeof change !== "object" || change === null || !isLength(leaseMs)) {
    throw new RangeError("a change, and leaseMs of 0 or more");
  }
  return { change, leaseMs };
}
