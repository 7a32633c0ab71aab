/** A network fault while it lasts: its rules on the nodes follow pods that are replaced, within the lease that it has. */
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";
import { type Coverage, followPods, type PodFollower } from "../follow.ts";
import { renewOnNode, startOnNode } from "../node/on-node.ts";
import type { PodTarget } from "../targets.ts";
import { type End, type EndsSpec, EVERYBODY, endOf, type Peers, resolvePeers, type Target } from "./ends.ts";
import { injectScript, type RuleSet, undoScript } from "./rules.ts";

/** One fault, as its rules say it; what differs from node to node is filled in. */
export type Standing = Pick<RuleSet, "id" | "table" | "actions"> & {
  readonly ends: EndsSpec;
  /** bash, run before the rules. */
  readonly prelude: string;
  /** How long a packet may take because of it, milliseconds: longer than any measurement has to wait for one. */
  readonly graceMs: number;
};

export class LiveFault {
  readonly #standing: Standing;
  readonly #context: FaultContext;
  readonly #nodes = new Set<string>();
  readonly #watches: { stop(): Promise<void> }[] = [];
  #fixed: readonly End[] = [];
  #follower: PodFollower | null = null;
  #peers: Peers = { ranges: [], witnesses: [] };
  #untilMs = 0;
  #isOver = false;

  constructor(standing: Standing, context: FaultContext) {
    this.#standing = standing;
    this.#context = context;
  }

  /** Nothing follows for it any more. */
  get isOver(): boolean {
    return this.#isOver;
  }
  get graceMs(): number {
    return this.#standing.graceMs;
  }
  /** That it was ever on. */
  get nodes(): ReadonlySet<string> {
    return this.#nodes;
  }
  get peers(): Peers {
    return this.#peers;
  }
  get targets(): readonly End[] {
    return this.#follower?.pods().map(endOf) ?? this.#fixed;
  }
  get coverage(): Coverage | null {
    return this.#follower?.coverage() ?? null;
  }

  async begin(chosen: readonly Target[], peers: Peers, leaseMs: number): Promise<void> {
    this.#untilMs = performance.now() + leaseMs;
    this.#peers = peers;
    this.#fixed = chosen.map(endOf);
    await this.#apply(this.#fixed);
  }

  /** Separate from `begin`, so that the fault is in before anything else is done. */
  async follow(chosen: readonly Target[]): Promise<void> {
    const { pods, peers } = this.#standing.ends;
    if (pods !== undefined) {
      const apply = async (now: readonly PodTarget[]) => {
        this.#peers = await resolvePeers(this.#context, this.#standing.ends, now.map(endOf));
        await this.#apply(now.map(endOf));
      };
      const known = chosen.filter((one): one is PodTarget => !("isNode" in one));
      this.#follower = await followPods(this.#context, { targets: pods, chosen: known, apply });
    }
    if (peers?.pods !== undefined) await this.#watchPeers(peers.pods.namespace, peers.pods.selector);
    if (peers?.service !== undefined) {
      const namespace = peers.service.namespace ?? this.#context.namespace;
      const ref = { apiVersion: "v1", kind: "Service", namespace, name: peers.service.name };
      const selector = Object.entries((await this.#context.cluster.kube.get(ref))?.spec?.selector ?? {});
      await this.#watchPeers(namespace, selector.map(([key, value]) => `${key}=${value}`).join(","));
    }
  }

  /** @throws FaultlineError `fault` when a node has undone it meanwhile. */
  async renew(leaseMs: number): Promise<void> {
    this.#untilMs = performance.now() + leaseMs;
    await renewOnNodes(this.#context, this.#standing.id, [...this.#nodes], leaseMs);
  }

  async end(): Promise<void> {
    this.#untilMs = 0;
    this.#isOver = true;
    await Promise.all(
      [...this.#watches, ...(this.#follower === null ? [] : [this.#follower])].map((one) => one.stop()),
    );
  }

  async #watchPeers(namespace: string | undefined, labelSelector: string): Promise<void> {
    const known = new Map<string, string>();
    let listed = false;
    const onEvent = ({
      type,
      object,
    }: {
      type: string;
      object: { metadata: { uid: string }; status?: { podIP?: string } };
    }) => {
      const ip = type === "DELETED" ? "" : (object.status?.podIP ?? "");
      if (known.get(object.metadata.uid) === ip) return;
      known.set(object.metadata.uid, ip);
      if (listed) void this.#refresh();
    };
    const ref = { apiVersion: "v1", kind: "Pod", namespace: namespace ?? this.#context.namespace };
    this.#watches.push(await this.#context.cluster.kube.watch(ref, { labelSelector, onEvent, onGap: () => undefined }));
    listed = true;
    const ranges = new Set(this.#peers.ranges.map(({ range }) => range));
    if ([...known.values()].some((ip) => ip !== "" && !ranges.has(`${ip}/32`))) await this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (this.#follower !== null) return await this.#follower.refresh();
    this.#peers = await resolvePeers(this.#context, this.#standing.ends, this.#fixed);
    await this.#apply(this.#fixed);
  }

  /** The whole of it, on every node that has a target or had one. What has lapsed is not put back. */
  async #apply(targets: readonly End[]): Promise<void> {
    for (const { node } of targets) this.#nodes.add(node);
    const handles = await this.#context.cluster.nodes();
    await Promise.all(
      [...this.#nodes].map(async (name) => {
        const node = handles.find((handle) => handle.name === name);
        const leaseMs = this.#untilMs - performance.now();
        if (node === undefined || leaseMs <= 0) return;
        const here = targets.filter((target) => target.node === name);
        await startOnNode(node, partOf(this.#standing, here, this.#peers, node), leaseMs);
      }),
    );
  }
}

export async function renewOnNodes(
  context: FaultContext,
  id: string,
  names: readonly string[],
  leaseMs: number,
): Promise<void> {
  const nodes = await context.cluster.nodes();
  const there = nodes.filter(({ name }) => names.includes(name));
  if (there.length === 0 && names.length > 0)
    throw new FaultlineError("fault", `none of ${names.join(", ")} is there any more`);
  await Promise.all(there.map((node) => renewOnNode(node, id, leaseMs)));
}

function partOf(standing: Standing, here: readonly End[], peers: Peers, node: NodeHandle) {
  const ofNode = standing.ends.nodes !== undefined;
  const set: RuleSet = {
    ...standing,
    direction: standing.ends.direction,
    hooks: ofNode ? ["FORWARD", "INPUT", "OUTPUT"] : ["FORWARD"],
    selves: ofNode ? [EVERYBODY] : here.map(({ ip }) => `${ip}/32`),
    // What a node says to itself and to its own pods is never cut.
    peers: [...new Set(peers.ranges.filter((one) => !ofNode || one.node !== node.name).map(({ range }) => range))],
  };
  return {
    id: standing.id,
    inject: `${standing.prelude}\n${injectScript(set)}`,
    undo: undoScript(standing.id, standing.table),
  };
}
