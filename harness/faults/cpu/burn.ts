/**
 * What keeps a node at a set share of its capacity: busy loops in a group beside the pods, with a CPU request's weight as
 * they have, and a controller that sets this group's quota five times a second, so that the node as a whole, pods and
 * kubelet included, uses what is asked for.
 */
import type { NodePart } from "../node/on-node.ts";
import { cgroupShell } from "./cgroups.ts";

export interface Burn {
  readonly id: string;
  /** CPUs that the node as a whole is to use. */
  readonly target: number;
  /** CPUs that it has. */
  readonly capacity: number;
  /** Processors that a loop runs on. */
  readonly processors: number;
  readonly requestMilliCpus: number;
}

/** Short, so that the load is even: 20 ms. The kernel takes no quota below 1 ms. */
const PERIOD_US = 20_000;
const LEAST_QUOTA_US = 1_000;
/** The weight of a pod that asks for a tenth of a CPU, as a small service does. */
const CANARY_SHARES = 102;
/** Some 20 ms of work, on the machines that this was tried on. */
const CANARY_WORK = 20_000;

/** `canary`: sets MS to what a fixed piece of work takes that competes with the pods, in milliseconds. */
export const CANARY = `canary() {
  MS=$(enter "$PODS/$ID-canary" "$BASHPID" && began=\${EPOCHREALTIME/[.,]/} &&
    for ((i = 0; i < ${CANARY_WORK}; i++)); do :; done && echo $(((\${EPOCHREALTIME/[.,]/} - began) / 1000)))
}`;

export function burnPart(burn: Burn): NodePart {
  return {
    id: burn.id,
    inject: `set -eu
${cgroupShell()}
${CANARY}
mkdir -p "$CPU$PODS/$ID" "$ACCT$PODS/$ID" "$CPU$PODS/$ID-canary" "$ACCT$PODS/$ID-canary"
weigh "$PODS/$ID" ${Math.max(2, Math.round(burn.requestMilliCpus * 1.024))}
weigh "$PODS/$ID-canary" ${CANARY_SHARES}
[ -s "$DIR/canary" ] || { canary; echo "$MS" > "$DIR/canary"; }
cat > "$DIR/control.sh" <<'CONTROL'
${control(burn)}
CONTROL
systemctl is-active --quiet "$ID-control" || systemd-run --quiet --collect --unit="$ID-control" \\
  --property=Nice=-10 --property=KillSignal=SIGKILL --setenv=ID="$ID" --setenv=DIR="$DIR" bash "$DIR/control.sh"`,
    undo: UNDO,
  };
}

/** The loops end first, so that there is CPU time for the rest. */
export const UNDO = `
${cgroupShell()}
[ -z "$PODS" ] || while read -r pid; do kill -KILL "$pid"; done 2> /dev/null < "$CPU$PODS/$ID/cgroup.procs"
systemctl stop "$ID-control" 2> /dev/null
[ -z "$PODS" ] || { remove "$PODS/$ID" && remove "$PODS/$ID-canary"; }`;

/**
 * All rates are in microseconds of CPU time per second. What the node has used too little is made up for within a second,
 * up to a twentieth of its capacity: a node that was starved by its machine does not overshoot afterwards.
 */
const control = ({ target, capacity, processors }: Burn) => `
${cgroupShell()}
TARGET=${Math.round(target * 1e6)} CAPACITY=${Math.round(capacity * 1e6)}
GROUP=$PODS/$ID
set_rate() {
  local quota
  rate=$(($1 > CAPACITY ? CAPACITY : $1))
  quota=$((rate * ${PERIOD_US} / 1000000))
  limit "$GROUP" "$((quota < ${LEAST_QUOTA_US} ? ${LEAST_QUOTA_US} : quota))" ${PERIOD_US}
}
while read -r pid; do kill -KILL "$pid"; done < "$CPU$GROUP/cgroup.procs"
set_rate "$TARGET"
for ((i = 0; i < ${processors}; i++)); do
  (enter "$GROUP" "$BASHPID" && renice -n 0 -p "$BASHPID" > /dev/null && while :; do :; done) &
  disown
done
exec 7>> "$DIR/samples" 9<> <(:)
then= others= debt=0
while [ -d "$CPU$GROUP" ]; do
  counters "$GROUP"
  own=$USED own_periods=$PERIODS own_throttled=$THROTTLED
  counters ""
  now=\${EPOCHREALTIME/[.,]/}
  echo "$now $USED $USER_US $SYSTEM_US $own $own_periods $own_throttled" >&7
  if [ -n "$then" ] && ((now > then)); then
    rest=$(((USED - used0 - own + own0) * 1000000 / (now - then)))
    others=$((\${others:-$rest} * 3 / 4 + rest / 4))
    debt=$((debt + TARGET * (now - then) / 1000000 - USED + used0))
    most=$((CAPACITY / 20))
    debt=$((debt > most ? most : debt < -most ? -most : debt))
    set_rate $((TARGET - others + debt))
  fi
  then=$now used0=$USED own0=$own
  read -t 0.2 -u 9
done`;
