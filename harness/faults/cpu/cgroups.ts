/**
 * Control groups of a node as bash sees them from inside, version 1 and 2, whatever driver the kubelet has. Nothing here
 * starts a process: it goes on where the node has no CPU time left.
 */

/**
 * Where the kernel shows them. `$PODS` is the group in which the kubelet keeps all pods, below `$CPU` (limits) and
 * `$ACCT` (counters); empty when there is none. `counters <group>` sets what the group has used since it was made, in
 * microseconds, and its periods of quota; the group "" is the node as a whole.
 * @param root for tests.
 */
export const cgroupShell = (root = "/sys/fs/cgroup"): string => `
if [ -e ${root}/cgroup.controllers ]; then V=2 CPU=${root} ACCT=${root}
else V=1 CPU=${root}/cpu ACCT=${root}/cpuacct; fi
PODS=
for at in "$CPU"/{,*/,*/*/}{kubepods,*kubepods.slice}; do
  if [ -d "$at" ]; then PODS=\${at#"$CPU"}; break; fi
done
counters() {
  local key value
  USED=0 USER_US=0 SYSTEM_US=0 PERIODS=0 THROTTLED=0
  while read -r key value; do
    case $key in
      usage_usec) USED=$value ;;
      user_usec) USER_US=$value ;;
      system_usec) SYSTEM_US=$value ;;
      nr_periods) PERIODS=$value ;;
      nr_throttled) THROTTLED=$value ;;
    esac
  done < "$CPU$1/cpu.stat"
  [ "$V" = 2 ] && return
  read -r USED < "$ACCT$1/cpuacct.usage"
  read -r USER_US < "$ACCT$1/cpuacct.usage_user"
  read -r SYSTEM_US < "$ACCT$1/cpuacct.usage_sys"
  USED=$((USED / 1000)) USER_US=$((USER_US / 1000)) SYSTEM_US=$((SYSTEM_US / 1000))
}
# Sets QUOTA and PERIOD in microseconds; QUOTA is -1 where there is none.
limits() {
  if [ "$V" = 2 ]; then
    read -r QUOTA PERIOD < "$CPU$1/cpu.max"
    [ "$QUOTA" != max ] || QUOTA=-1
  else
    read -r QUOTA < "$CPU$1/cpu.cfs_quota_us"
    read -r PERIOD < "$CPU$1/cpu.cfs_period_us"
  fi
}
# <group> <quota> <period>
limit() {
  if [ "$V" = 2 ]; then echo "$2 $3" > "$CPU$1/cpu.max"; return; fi
  echo "$3" > "$CPU$1/cpu.cfs_period_us"
  echo "$2" > "$CPU$1/cpu.cfs_quota_us"
}
# <group> <shares>: as a container's runtime turns a CPU request into its group's weight.
weigh() {
  if [ "$V" = 2 ]; then echo $((1 + ($2 - 2) * 9999 / 262142)) > "$CPU$1/cpu.weight"
  else echo "$2" > "$CPU$1/cpu.shares"; fi
}
# <group> <pid>
enter() {
  echo "$2" > "$CPU$1/cgroup.procs"
  [ "$V" = 2 ] || echo "$2" > "$ACCT$1/cgroup.procs"
}
# Ends what is in it, and it; fails when that takes longer than 10 s. Right when there is none.
remove() {
  local at pid tries=0
  for at in "$CPU$1" "$ACCT$1"; do
    while [ -d "$at" ]; do
      while read -r pid; do kill -KILL "$pid"; done < "$at/cgroup.procs"
      rmdir "$at" && continue
      ((++tries < 500)) || return 1
      read -t 0.02 -u 9
    done
  done 2> /dev/null 9<> <(:)
}`;
