/** Plain metadata and the instance identity document, of an instance that does not exist. */
import { isoSeconds } from "./credentials.ts";

/** Numbers that AWS's own documentation uses for examples. */
const ACCOUNT = "123456789012";
const REGION = "us-east-1";
const ZONE = `${REGION}a`;
const IMAGE = "ami-0123456789abcdef0";
const INSTANCE_TYPE = "m5.large";

export interface Instance {
  readonly instanceId: string;
  readonly privateIp: string;
  readonly startedMs: number;
}

/** By path below `/latest/meta-data/`. */
export function metadataPaths({ instanceId, privateIp }: Instance): Readonly<Record<string, string>> {
  const hostname = `ip-${privateIp.replaceAll(".", "-")}.ec2.internal`;
  return {
    "ami-id": IMAGE,
    hostname,
    "instance-id": instanceId,
    "instance-life-cycle": "on-demand",
    "instance-type": INSTANCE_TYPE,
    "local-hostname": hostname,
    "local-ipv4": privateIp,
    "placement/availability-zone": ZONE,
    "placement/region": REGION,
    "services/domain": "amazonaws.com",
    "services/partition": "aws",
  };
}

export function identityDocument({ instanceId, privateIp, startedMs }: Instance): string {
  const document = {
    accountId: ACCOUNT,
    architecture: "x86_64",
    availabilityZone: ZONE,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: IMAGE,
    instanceId,
    instanceType: INSTANCE_TYPE,
    kernelId: null,
    pendingTime: isoSeconds(startedMs),
    privateIp,
    ramdiskId: null,
    region: REGION,
    version: "2017-09-30",
  };
  return JSON.stringify(document, null, 2);
}

/** The JSON of `…/iam/info`. */
export function iamInfo(role: string, { startedMs }: Instance): string {
  const document = {
    Code: "Success",
    LastUpdated: isoSeconds(startedMs),
    InstanceProfileArn: `arn:aws:iam::${ACCOUNT}:instance-profile/${role}`,
    InstanceProfileId: "AIPAI3A4B5C6D7E8F9GHI",
  };
  return JSON.stringify(document, null, 2);
}

/** What a listing of a folder shows: names, folders with a slash; null: there is no such folder. */
export function listing(paths: readonly string[], folder: string): string | null {
  const prefix = folder === "" ? "" : `${folder}/`;
  const names = paths
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length).replace(/\/.*$/, "/"));
  return names.length === 0 ? null : [...new Set(names)].sort().join("\n");
}
