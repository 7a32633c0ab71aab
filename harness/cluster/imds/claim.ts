/**
 * Every node claims the metadata service's address for itself before any pod of an experiment runs, and keeps it for as
 * long as the cluster lives: an address on its loopback, and behind it a blackhole route, so that a call never leaves the
 * node whether the mock answers or not. The address has the scope of the node itself: with a wider one the kernel takes
 * it as the source of what it masquerades on the loopback, the node's own calls of services. A unit of systemd does it again before the container runtime when the node starts.
 */
import type { NodeHandle } from "../provider.ts";
import { METADATA_ADDRESS } from "./address.ts";

const UNIT = "faultline-imds-claim.service";
const TIMEOUT_MS = 30_000;

const CLAIM = `set -eu
cat > /etc/systemd/system/${UNIT} <<'END'
[Unit]
Description=${METADATA_ADDRESS} belongs to this node
Before=containerd.service kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip route replace blackhole ${METADATA_ADDRESS}/32
ExecStart=ip address replace ${METADATA_ADDRESS}/32 dev lo scope host
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl --quiet enable ${UNIT}
systemctl restart ${UNIT}`;

export async function claimAddress(node: NodeHandle): Promise<void> {
  await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: CLAIM });
}

/** A call from this node, or from a pod on it, ends on this node. */
export async function isClaimed(node: NodeHandle): Promise<boolean> {
  const look = `ip route get ${METADATA_ADDRESS} | grep -q '^local ' && ip route show type blackhole | grep -qF ${METADATA_ADDRESS}`;
  const { exitCode } = await node.exec(["bash", "-c", look], { timeoutMs: TIMEOUT_MS, accept: "any" });
  return exitCode === 0;
}
