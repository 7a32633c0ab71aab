/** Where the metadata mock is found. */
import { fileURLToPath } from "node:url";
import { SYSTEM_NAMESPACE } from "../labels.ts";

/** Of every cloud's instance metadata service. On a machine of a cloud it hands out living credentials. */
export const METADATA_ADDRESS = "169.254.169.254";

export const IMDS = {
  namespace: SYSTEM_NAMESPACE,
  /** Of its objects; its pods have it as `app.kubernetes.io/name`. */
  name: "faultline-imds",
  canary: "faultline-imds-canary",
  /** Of the node for the mock, of the pod for the canary. */
  controlPort: 16_925,
} as const;

/** Built like a workload's image: once per content, and baked into a new cluster's nodes. */
export const IMDS_IMAGE = {
  name: "faultline-imds",
  context: fileURLToPath(new URL("../imds-server", import.meta.url)),
} as const;
