/**
 * More flags for a kubelet, for as long as a fault lasts: a systemd drop-in under /run appends them to the command in
 * force, and the kubelet is restarted for it, and once more without it; its own files are not touched.
 */
import type { NodeHandle } from "../../cluster/provider.ts";

/** Sets DROP_IN, and `marked`: whether the kubelet that runs was started with it. */
const SHELL = `DROP_IN=/run/systemd/system/kubelet.service.d/90-$ID.conf
marked() {
  pid=$(systemctl show kubelet --property=MainPID --value)
  [ "$pid" != 0 ] && grep -qzx "FAULTLINE_FAULT=$ID" "/proc/$pid/environ"
}`;

/** Parts of an inject script and its undo; the inject ends by itself at an error only under `set -e`. */
export const startWith = (flags: readonly string[]): string => `
${SHELL}
if [ ! -e "$DROP_IN" ]; then
  systemctl daemon-reload
  command=$(systemctl show kubelet --property=ExecStart --value | sed -n 's/^{.* argv\\[\\]=\\(.*\\) ; ignore_errors=.*$/\\1/p')
  [ -n "$command" ]
  mkdir -p "$(dirname "$DROP_IN")"
  printf '[Service]\\nEnvironment=FAULTLINE_FAULT=%s\\nExecStart=\\nExecStart=%s %s\\n' "$ID" "$command" '${flags.join(" ")}' > "$DIR/drop-in"
  mv "$DIR/drop-in" "$DROP_IN"
fi
systemctl daemon-reload
marked || systemctl restart kubelet`;

export const START_WITHOUT = `
${SHELL}
rm -f "$DROP_IN"
systemctl daemon-reload || exit
if marked; then systemctl restart kubelet; fi`;

/** For people whose revert failed: to be run on the node by a shell. */
export const withoutByHand = (id: string): string =>
  `rm -f /run/systemd/system/kubelet.service.d/90-${id}.conf; systemctl daemon-reload; systemctl restart kubelet`;

/** Ids of the faults whose flags this kubelet has. */
export async function faultsWithFlags(node: NodeHandle): Promise<readonly string[]> {
  const listing = "ls -1 /run/systemd/system/kubelet.service.d 2> /dev/null";
  const { stdout } = await node.exec(["sh", "-c", listing], { timeoutMs: 20_000, accept: "any" });
  return [...stdout.matchAll(/^90-(faultline-.*)\.conf$/gm)].map(([, id]) => id as string);
}
