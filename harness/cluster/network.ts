/**
 * The Docker networks of our clusters. The hermetic one has a bridge of known name and a rule, written before any node
 * boots, that rejects whatever would be forwarded from that bridge to anywhere else: until kube-proxy has written its
 * rules, a booting node's calls to service addresses leave by the default route. Rejected and not dropped, because a
 * component that waits for a time-out boots half a minute later. Published ports, the nodes among themselves and
 * packets to the host itself pass: none of them is forwarded off the bridge.
 */
import { FaultlineError } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";
import { docker } from "./docker.ts";
import { CHAIN, type Firewall, findFirewall } from "./firewall.ts";
import { METADATA_ADDRESS } from "./imds/address.ts";
import { BRIDGE, LABEL_OWNER, NETWORK, OWNER } from "./labels.ts";

export type Egress = NonNullable<ClusterSpec["egress"]>;

interface ClusterNetwork {
  readonly name: string;
  /** At most 15 characters, the kernel's limit. */
  readonly bridge: string;
}
/**
 * Clusters that may reach out live on a network of their own, so that those that may not stay hermetic. The name can be
 * set (`FAULTLINE_NETWORK`, at most 10 characters) where it is taken, and so that a test has a network of its own.
 */
export function networkOf(egress: Egress): ClusterNetwork {
  const name = process.env.FAULTLINE_NETWORK ?? NETWORK;
  const bridge = name === NETWORK ? BRIDGE : `br-${name.slice(0, 10)}`;
  return egress === "rejected" ? { name, bridge } : { name: `${name}-open`, bridge: `${bridge}-o` };
}

/** Where everything else may pass, the machine's own metadata service may not: its credentials are living ones. */
const rule = (egress: Egress): readonly string[] => {
  const { bridge } = networkOf(egress);
  return [
    ...(egress === "rejected" ? ["-i", bridge, "!", "-o", bridge] : ["-i", bridge, "-d", `${METADATA_ADDRESS}/32`]),
    ...["-m", "comment", "--comment", OWNER],
    ...["-j", "REJECT", "--reject-with", "icmp-port-unreachable"],
  ];
};

/**
 * Makes sure that the network is there and, for a hermetic one, its rule too. Right if both are there already.
 * @returns the network's name.
 * @throws FaultlineError `not-ours` when a foreign network has the name, `setup` when the rule cannot be written.
 */
export async function ensureNetwork(egress: Egress, helperImage: string | undefined): Promise<string> {
  const network = networkOf(egress);
  // The rule first: a network without it must never be seen by a node.
  // Where no firewall can be had an open cluster is all that is left, and its nodes' own claim of the address holds.
  const firewall = egress === "rejected" ? findFirewall(helperImage) : findFirewall(helperImage).catch(() => null);
  await ensureRule(await firewall, egress);
  if ((await ownNetwork(network.name)) === "absent") {
    const created = await docker(
      [
        ...["network", "create", "--driver", "bridge", "--ipv6=false", "--label", `${LABEL_OWNER}=${OWNER}`],
        ...["--opt", `com.docker.network.bridge.name=${network.bridge}`, network.name],
      ],
      { accept: "any" },
    );
    // Another `up` may have been quicker: what counts is that it is there and ours.
    if (created.exitCode !== 0 && (await ownNetwork(network.name)) === "absent") {
      throw new FaultlineError("cluster", `network ${network.name} could not be created: ${created.stderr.trim()}`, {
        fix: `See \`docker network ls\` and \`ip link show ${network.bridge}\` for what is in the way.`,
      });
    }
  }
  return network.name;
}

/**
 * Removes our networks that no container uses, and the rule with the hermetic one.
 * @param stillWanted names of networks on which a cluster is just being created.
 * @returns what was removed.
 */
export async function removeUnusedNetworks(
  stillWanted: ReadonlySet<string>,
  helperImage: string | undefined,
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const egress of ["rejected", "allowed"] as const) {
    const { name, bridge } = networkOf(egress);
    if (stillWanted.has(name) || (await inspect(name))?.owner === "foreign") continue;
    const { exitCode, stderr } = await docker(["network", "rm", name], { accept: "any" });
    if (exitCode === 0) removed.push(`network ${name}`);
    else if (!/not found|no such network/i.test(stderr)) continue; // in use
    if (await removeRule(helperImage, egress)) removed.push(`iptables rule for ${bridge}`);
  }
  return removed;
}

export interface RuleCounters {
  readonly packets: number;
  readonly bytes: number;
}
/** What the rule has rejected since it was written; null when there is no rule. */
export async function rejectedSoFar(helperImage?: string): Promise<RuleCounters | null> {
  const firewall = await findFirewall(helperImage);
  const { stdout } = await firewall.run(["-L", CHAIN, "-v", "-x", "-n"]);
  return parseCounters(stdout, networkOf("rejected").bridge);
}

/** The counters of our rule for a bridge in `iptables -L -v -x -n`. */
export function parseCounters(listing: string, bridge: string): RuleCounters | null {
  for (const line of listing.split("\n")) {
    const match = /^\s*(\d+)\s+(\d+)\s+REJECT\s+\S+\s+\S+\s+(\S+)/.exec(line);
    if (match !== null && match[3] === bridge && line.includes(`/* ${OWNER} */`)) {
      return { packets: Number(match[1]), bytes: Number(match[2]) };
    }
  }
  return null;
}

async function ensureRule(firewall: Firewall | null, egress: Egress): Promise<void> {
  if (firewall === null) return;
  if ((await firewall.run(["-C", CHAIN, ...rule(egress)])).exitCode === 0) return;
  const inserted = await firewall.run(["-I", CHAIN, ...rule(egress)]);
  if (inserted.exitCode === 0) return;
  throw new FaultlineError(
    "setup",
    `the rule that keeps packets inside could not be written: ${inserted.stderr.trim()}`,
    {
      fix: `By hand, as root: ${["iptables", "-I", CHAIN, ...rule(egress)].join(" ")}; or set egress to allowed.`,
      context: { where: firewall.where },
    },
  );
}

async function removeRule(helperImage: string | undefined, egress: Egress): Promise<boolean> {
  const firewall = await findFirewall(helperImage).catch(() => null);
  let removed = false;
  while (firewall !== null && (await firewall.run(["-D", CHAIN, ...rule(egress)])).exitCode === 0) removed = true;
  return removed;
}

async function inspect(name: string): Promise<{ readonly owner: "ours" | "foreign" } | null> {
  const format = `{{index .Labels "${LABEL_OWNER}"}}`;
  const { exitCode, stdout } = await docker(["network", "inspect", "--format", format, name], { accept: [0, 1] });
  return exitCode === 0 ? { owner: stdout.trim() === OWNER ? "ours" : "foreign" } : null;
}

async function ownNetwork(name: string): Promise<"present" | "absent"> {
  const found = await inspect(name);
  if (found?.owner === "foreign") {
    throw new FaultlineError("not-ours", `a Docker network ${name} exists that is not ours`, {
      fix: `Remove it if nobody needs it: docker network rm ${name}.`,
    });
  }
  return found === null ? "absent" : "present";
}
