/** What of k6's API the runner has. One table, so that the check before the run and its messages cannot differ. */

export interface ModuleSupport {
  /** Return only when something is over: the runner puts an `await` before each call. */
  readonly blocking: readonly string[];
  /** Return at once. */
  readonly immediate: readonly string[];
  /** `import x from` gives an object with all of the names. */
  readonly hasDefault: boolean;
}

export const MODULES: Readonly<Record<string, ModuleSupport>> = {
  k6: { blocking: ["sleep"], immediate: ["check", "fail", "group"], hasDefault: true },
  "k6/http": {
    blocking: ["get", "post", "put", "patch", "del", "head", "options", "request", "batch"],
    immediate: ["asyncRequest", "url", "expectedStatuses", "setResponseCallback"],
    hasDefault: true,
  },
  "k6/metrics": { blocking: [], immediate: ["Counter", "Gauge", "Rate", "Trend"], hasDefault: true },
  "k6/execution": { blocking: [], immediate: ["scenario", "vu", "instance", "test"], hasDefault: true },
  // Types alone: an import of it is dropped with the types.
  "k6/options": { blocking: [], immediate: [], hasDefault: false },
};

/** Methods of a response that need an HTML parser, which the runner does not have. */
export const MISSING_RESPONSE_METHODS: readonly string[] = ["html", "clickLink", "submitForm"];

/** Globals of Node or k6 that a script cannot use, with the reason. */
export const MISSING_GLOBALS: Readonly<Record<string, string>> = {
  open: "reading files with open() is not supported; import a module that holds the data",
  require: "require() is not supported; use import",
  process: "process does not exist in k6; use __ENV",
  Buffer: "Buffer does not exist in k6",
  fetch: "fetch() does not exist in k6; use k6/http",
};

/** Exports of a script that k6 calls and this runner does not. */
export const MISSING_EXPORTS: readonly string[] = ["handleSummary"];

/** Callbacks of these run one after the other, each awaited. */
export const SEQUENTIAL_METHODS: readonly string[] = ["forEach", "map"];

/** Methods that need their callback's value at once: no blocking call can be inside. */
export const SYNCHRONOUS_METHODS: readonly string[] = [
  ...["filter", "sort", "toSorted", "reduce", "reduceRight", "some", "every", "find", "findIndex", "findLast"],
  ...["findLastIndex", "flatMap", "replace", "replaceAll", "from"],
];

export function supportedNames(module: string): string {
  const support = MODULES[module];
  return support === undefined ? "" : [...support.blocking, ...support.immediate].join(", ");
}
