/** Names that mark what is ours: whatever carries them may be ended and removed by us, nothing else may. */
export const LABEL_OWNER = "faultline.dev/owner";
export const OWNER = "faultline";
export const LABEL_RUN = "faultline.dev/run";
/** Id of the fault that an object belongs to. */
export const LABEL_FAULT = "faultline.dev/fault";
export const LABEL_CLUSTER = "faultline.dev/cluster";
/** kind's own label on node containers; value is the cluster's name. */
export const KIND_CLUSTER_LABEL = "io.x-k8s.kind.cluster";
/** The Docker network of all our clusters, and its bridge: known names, so that the reject rule can be written before. */
export const NETWORK = "faultline";
export const BRIDGE = "br-faultline";
/** Namespace of what the harness itself puts into a cluster. */
export const SYSTEM_NAMESPACE = "faultline-system";
