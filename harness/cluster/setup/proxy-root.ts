/** The layer in which kube-proxy and the pod routes find iptables, nft, ip and conntrack: files of packages, 30 MB. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { linkBelow, packLayer } from "./archive.ts";
import { extractFiles } from "./debian.ts";
import { packageList } from "./recipe.ts";
import type { StepContext } from "./step.ts";

/** Debian makes these links in a maintainer script, which does not run here. nft is Debian's default of the two. */
const IPTABLES = ["iptables", "ip6tables"].flatMap((name) => [name, `${name}-save`, `${name}-restore`]);
/** Needed by packages that no program of ours calls. */
const UNUSED = ["usr/lib/x86_64-linux-gnu/gconv", "usr/share/perl5", "usr/share/bash-completion", "var/lib/dpkg"];

/** Writes `proxy.tar` into `folder`. */
export async function makeProxyRoot(folder: string, context: StepContext): Promise<void> {
  const root = join(folder, "root");
  await extractFiles(packageList("packages-proxy.txt"), root, context);
  for (const name of IPTABLES) await linkBelow(root, `usr/sbin/${name}`, "xtables-nft-multi");
  for (const unused of UNUSED) await rm(join(root, unused), { recursive: true, force: true });
  await packLayer(root, folder, "proxy", context.signal);
  await rm(root, { recursive: true });
}
