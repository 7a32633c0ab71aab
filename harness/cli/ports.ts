/** The real parts, put together: the only place that knows all of them. */
import { missingCapabilities } from "../cluster/capabilities.ts";
import { kindProvider } from "../cluster/kind.ts";
import { lockCluster, releaseLockOf } from "../cluster/lock.ts";
import { faultOf } from "../faults/index.ts";
import { type LoadProgress as LoadCounts, startLoad } from "../load/driver.ts";
import { startProbe, watchNodes } from "../probes/index.ts";
import type { LoadProgress } from "../run/ports.ts";
import type { RecoverPorts } from "../run/recover.ts";
import type { RunnerPorts } from "../run/runner.ts";

export function realPorts(progress: (line: string) => void): RunnerPorts {
  return {
    provider: kindProvider,
    faultOf,
    startProbe,
    watchNodes,
    progress,
    missingCapabilities,
    lock: async (cluster, runId, onLost) => lockCluster(cluster, runId, onLost),
    startLoad: async ({ onProgress, ...request }) =>
      startLoad({ ...request, onProgress: sinceLast(onProgress), onLine: (line) => progress(`load: ${line}`) }),
  };
}

export function recoverPorts(progress: (line: string) => void): RecoverPorts {
  return {
    provider: kindProvider,
    faultOf,
    progress,
    unlock: releaseLockOf,
    reach: async ({ name }) => kindProvider.reach(name),
  };
}

/** From counts since the start to what happened since the last report. */
function sinceLast(onProgress: (progress: LoadProgress) => void): (counts: LoadCounts) => void {
  let requests = 0;
  let failed = 0;
  return (counts) => {
    const windowBad = counts.failed - failed;
    const windowGood = counts.requests - requests - windowBad;
    requests = counts.requests;
    failed = counts.failed;
    onProgress({ started: counts.started, completed: counts.completed, windowGood, windowBad });
  };
}
