/**
 * How the containers of a node get less of its disk: the kernel lets each control group begin only so many writes a
 * second on a device (blkio of version 1; each group is limited by itself there, whatever stands above it).
 *
 * Only writes: a process may have to read while it holds the file system's journal, and that is the whole machine's.
 */
import { cgroupShell } from "../cpu/cgroups.ts";
import type { NodePart } from "../node/on-node.ts";

export interface Throttle {
  readonly id: string;
  /** `major:minor`, of a whole disk. */
  readonly device: string;
  /** Writes a second. */
  readonly iops: number;
}

/** How soon a container that starts meanwhile is limited. Seconds. */
const EVERY_S = 0.5;

/**
 * `each <command>` runs it for the limit file of every group in which something of a pod may run; `limit_of <file>` sets
 * LIMIT, empty where the device has none; `set_limit <writes a second, 0: none> <file>` writes what is not so yet.
 * @param root for tests.
 */
export const throttleShell = (device: string, root?: string): string => `
${cgroupShell(root)}
IO=\${CPU%/*}/blkio
each() {
  local at
  [ -n "$PODS" ] || return 0
  for at in "$IO$PODS"/{*,*/*,*/*/*}/blkio.throttle.write_iops_device; do
    [ ! -w "$at" ] || "$@" "$at"
  done
}
limit_of() {
  local device value
  LIMIT=
  while read -r device value; do [ "$device" != "${device}" ] || LIMIT=$value; done < "$1"
} 2> /dev/null
set_limit() {
  limit_of "$2"
  [ "\${LIMIT:-0}" = "$1" ] || echo "${device} $1" > "$2"
} 2> /dev/null`;

/** Sets GROUPS_ALL and GROUPS_LIMITED: how many there are, and how many have a limit. */
export const COUNT = `
GROUPS_ALL=0 GROUPS_LIMITED=0
count() { limit_of "$1"; GROUPS_ALL=$((GROUPS_ALL + 1)); [ -z "$LIMIT" ] || GROUPS_LIMITED=$((GROUPS_LIMITED + 1)); }
each count`;

export function throttlePart({ id, device, iops }: Throttle): NodePart {
  return {
    id,
    inject: `set -eu
cat > "$DIR/keep.sh" <<'KEEP'
${throttleShell(device)}
exec 9<> <(:)
while :; do
  each set_limit ${iops}
  read -t ${EVERY_S} -u 9
done
KEEP
systemctl is-active --quiet "$ID-keep" || systemd-run --quiet --collect --unit="$ID-keep" \\
  --property=KillSignal=SIGKILL bash "$DIR/keep.sh"`,
    undo: `
${throttleShell(device)}
systemctl stop "$ID-keep" 2> /dev/null
each set_limit 0
rm -f ${canaryFile(id)}-*
${COUNT}
[ "$GROUPS_LIMITED" = 0 ]`,
  };
}

/** On the file system that the containers write to; the number of the canary follows. */
export const canaryFile = (id: string): string => `/var/lib/${id}-canary`;
