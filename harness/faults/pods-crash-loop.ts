/**
 * A container of each chosen pod is killed whenever it starts, with no warning, until the kubelet backs off from it.
 *
 * The killing is done on the node, under a lease, by the kernel's list of the container's processes.
 */
import type { CrashLoopFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import type { Finding } from "./node/findings.ts";
import { lookIfWell, reportOf } from "./pods/kubelet-says.ts";
import {
  type ContainerPart,
  type ContainerTarget,
  chooseContainers,
  endOnNodes,
  FIND_POD_CGROUP,
  renewOnNodes,
  startOnNodes,
} from "./pods/on-nodes.ts";
import { lookUntil } from "./pods/settle.ts";
import { targetProblems } from "./targets.ts";

export type CrashLoopUndo = { readonly id: string; readonly targets: readonly ContainerTarget[] };

/** From the first kill to the kubelet's word for the second one, after which it backs off. */
const TOLD_WITHIN_MS = 45_000;
/** How long a container may be between two states that the kubelet tells of. */
const BLINK_MS = 15_000;
/** Looks one after the other that find all pods ready: nothing crashes here. A start that is killed shows for less. */
const CALM_LOOKS = 15;
/** Set and removed again: a change makes the kubelet look at the pod at once. */
const NUDGE = "faultline.dev/nudge";

export const crashLoop: Fault<CrashLoopFault, CrashLoopUndo> = {
  kind: "pods.crash-loop",
  needs: ["node-exec", "container-runtime"],
  oneShot: false,
  drawAs: { label: "containers crash at each start", colour: "#984ea3" },

  validate: (spec) => targetProblems("targets", spec.targets),

  async prepare(spec, context) {
    const id = faultName("crashes", context.runId, context.faultId);
    return { id, targets: await chooseContainers(context, id, spec.targets, spec.container) };
  },

  async inject(undo, context, leaseMs) {
    await startOnNodes(partOf(undo), context, leaseMs);
    await untilBackedOff(undo, context);
  },

  renew: (undo, context, leaseMs) => renewOnNodes(partOf(undo), context, leaseMs),

  /** The kubelet's report, which takes no part in the killing. */
  verifyEffective: (undo, context) => lookInto(undo, context, BLINK_MS),

  async revert(undo, context) {
    await endOnNodes(partOf(undo), context);
    await Promise.all(undo.targets.map(async (target) => nudge(target, context)));
  },

  verifyReverted: (undo, context) =>
    lookUntil({ what: "the pods to be ready", wanted: false, timeoutMs: context.budgetMs }, context, async () =>
      Promise.all(undo.targets.map(async (target) => lookIfWell(target, context))),
    ),

  byHand: ({ id, targets }) => [
    ...new Set(targets.map(({ node }) => `docker exec ${node} systemctl stop '${id}-*'`)),
    ...targets.map(({ namespace, name }) => `kubectl delete pod --namespace ${namespace} ${name}`),
  ],
};

async function lookInto(undo: CrashLoopUndo, context: FaultContext, timeoutMs: number): Promise<Evidence> {
  let calm = 0;
  const isOver = (findings: readonly Finding[]) => {
    calm = findings.every(({ values }) => values?.ready === "yes") ? calm + 1 : 0;
    return calm >= CALM_LOOKS;
  };
  return await lookUntil({ what: "containers that crash", wanted: true, timeoutMs, isOver }, context, async () =>
    Promise.all(undo.targets.map(async (target) => lookIfCrashing(target, context))),
  );
}

/** That it never comes is no error here: the measurement that follows says so. */
async function untilBackedOff(undo: CrashLoopUndo, context: FaultContext): Promise<void> {
  const timeoutMs = Math.min(TOLD_WITHIN_MS, context.budgetMs);
  await lookUntil({ what: "containers backed off from", wanted: true, timeoutMs }, context, async () =>
    Promise.all(undo.targets.map(async (target) => lookIfCrashing(target, context))),
  );
}

async function lookIfCrashing(target: ContainerTarget, context: FaultContext): Promise<Finding> {
  const { name } = target;
  const report = await reportOf(target, context);
  if (report === null) return { name, inEffect: false, saw: "is gone, and its replacement is not covered" };
  const { restarts, running, waiting, ended, ready } = report;
  const exitCode = ended?.exitCode ?? "none";
  // The kubelet tells of its back-off late, some versions only at its end: down again is what counts.
  const again = ended !== null && ended.containerID !== target.containerId;
  const state = running ? "running" : waiting === "" ? "ended" : waiting;
  return {
    name,
    inEffect: !running && again && exitCode === 137,
    saw: `${state} after ${restarts} restarts, last exit code ${exitCode}`,
    values: { restarts, state, exitCode, ready: ready ? "yes" : "no" },
  };
}

async function nudge({ namespace, name, uid }: ContainerTarget, context: FaultContext): Promise<void> {
  const { kube } = context.cluster;
  const ref = { apiVersion: "v1", kind: "Pod", namespace, name };
  if ((await kube.get(ref))?.metadata.uid !== uid) return;
  for (const value of ["now", null]) await kube.patch(ref, { metadata: { uid, annotations: { [NUDGE]: value } } });
}

/**
 * A cgroup is a sandbox's when the runtime knows no container of that id; what it cannot tell now is asked again. A
 * container that is killed before it runs has not crashed: it could not be started.
 */
const KILL = `${FIND_POD_CGROUP}
declare -A pods what
exec 9<> <(:)
while [ -e "$DIR/claims" ]; do
  while read -r uid name; do
    [ -d "\${pods[$uid]:-}" ] || pods[$uid]=$(pod_cgroup "$uid") || { read -t 0.5 -u 9; continue; }
    for scope in "\${pods[$uid]}"/*/; do
      [[ $scope =~ ([0-9a-f]{64}) ]] || continue
      id=\${BASH_REMATCH[1]}
      if [ -z "\${what[$id]:-}" ]; then
        if said=$(crictl inspect --output go-template --template '{{.status.state}} {{.status.metadata.name}}' "$id" 2>&1); then
          case $said in "CONTAINER_RUNNING "*) what[$id]=\${said#* } ;; *) continue ;; esac
        elif [[ $said == *NotFound* || $said == *"not found"* ]]; then what[$id]=:sandbox
        else echo "$said"; continue; fi
      fi
      [ "\${what[$id]}" = "$name" ] || continue
      mapfile -t processes < "\${scope}cgroup.procs" && [ \${#processes[@]} -gt 0 ] && kill -9 "\${processes[@]}"
    done
  done < "$DIR/claims"
  read -t 0.1 -u 9
done >> "$DIR/log" 2>&1`;

/**
 * The kubelet counts its back-off, up to five minutes, from the container that has ended: where the runtime has none,
 * it starts one at its next look.
 */
const partOf = ({ id, targets }: CrashLoopUndo): ContainerPart => ({
  id,
  targets,
  inject: () => `cat > "$DIR/kill.sh" <<'KILL-END'
${KILL}
KILL-END
systemctl is-active --quiet "$ID-kill" || systemd-run --quiet --collect --unit="$ID-kill" --property=Nice=-5 \\
  --setenv=DIR="$DIR" bash "$DIR/kill.sh"`,
  undo: (ours) => `systemctl stop "$ID-kill" 2> /dev/null
${ours
  .map(
    ({ uid, container }) => `ended=$(crictl ps --all --quiet --state exited --name '^${container}$' \\
  --label io.kubernetes.pod.uid=${uid}) || exit 1
for one in $ended; do crictl rm "$one" > /dev/null || true; done`,
  )
  .join("\n")}
! systemctl is-active --quiet "$ID-kill"`,
});
