/**
 * Docker's own chain for users' rules, in whichever iptables the engine uses: on the host where we are root, else
 * through a privileged container in the engine's network namespace (an engine in a virtual machine, a user without root).
 */
import { FaultlineError } from "../errors.ts";
import { docker, ownerLabels } from "./docker.ts";
import { type ExecResult, exec } from "./exec.ts";

/** The chain that Docker makes for rules of others, before all of its own. */
export const CHAIN = "DOCKER-USER";

export interface Firewall {
  /** Runs iptables with these arguments; any exit code is returned. */
  run(args: readonly string[]): Promise<ExecResult>;
  /** For messages: "iptables on this host". */
  readonly where: string;
}

/** Seconds that iptables waits for the lock that all its processes share. */
const LOCK_WAIT_S = "5";
const VARIANTS = ["iptables", "iptables-legacy", "iptables-nft"];

/**
 * Finds the iptables that holds Docker's chain.
 * @param helperImage an image with iptables in it, tried where the host's cannot be used.
 * @throws FaultlineError `setup` when none does.
 */
export async function findFirewall(helperImage: string | undefined): Promise<Firewall> {
  const isRoot = process.getuid?.() === 0;
  const candidates = [
    ...(isRoot ? VARIANTS.map(onHost) : []),
    ...(helperImage === undefined ? [] : VARIANTS.slice(1).map((variant) => inContainer(variant, helperImage))),
  ];
  for (const candidate of candidates) {
    const { exitCode } = await candidate.run(["-S", CHAIN]).catch(() => ({ exitCode: -1 }));
    if (exitCode === 0) return candidate;
  }
  throw new FaultlineError(
    "setup",
    `no iptables with Docker's chain ${CHAIN} was found, so nothing could keep the cluster's packets inside`,
    {
      fix: isRoot
        ? "Let Docker manage iptables (do not start it with --iptables=false) and install iptables; or set egress to allowed."
        : "Run as root, or build the node image first (`faultline setup`): its iptables is used then; or set egress to allowed.",
    },
  );
}

const onHost = (variant: string): Firewall => ({
  where: `${variant} on this host`,
  run: (args) => exec(variant, ["-w", LOCK_WAIT_S, ...args], { timeoutMs: 15_000, accept: "any" }),
});

const inContainer = (variant: string, image: string): Firewall => ({
  where: `${variant} in a container of ${image}`,
  run: (args) =>
    docker(
      [
        ...["run", "--rm", "--privileged", "--network", "host", ...ownerLabels()],
        ...["--entrypoint", variant, image, "-w", LOCK_WAIT_S, ...args],
      ],
      { accept: "any" },
    ),
});
