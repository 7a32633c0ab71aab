/** Where the harness keeps what outlives a run. One root, so that a test can have a world of its own. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The root of all state outside of the project: `$FAULTLINE_HOME`, else `$XDG_CACHE_HOME/faultline`, else `~/.cache/faultline`. */
export function home(): string {
  return process.env.FAULTLINE_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultline");
}

/** Programs that the harness brought: kind and the like. */
export const binFolder = (): string => join(home(), "bin");
/** One folder per cluster: its kubeconfig and what is known of it. */
export const clusterFolder = (name: string): string => join(home(), "clusters", name);
export const kubeconfigPath = (name: string): string => join(clusterFolder(name), "kubeconfig");
