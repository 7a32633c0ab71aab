/** Nodes as containers of this machine: which are hit, what is run on the engine, and how it is seen that one is back. */
import { hostname } from "node:os";
import { containerHandle } from "../../cluster/container.ts";
import { askKubelet, type KubeletAnswer } from "../../cluster/kubelet-port.ts";
import { tokenOf } from "../../cluster/owner.ts";
import { FaultlineError } from "../../errors.ts";
import type { NodeTargets } from "../../fault-specs.ts";
import type { FaultContext } from "../fault.ts";
import { chooseNodes } from "../targets.ts";
import type { Finding } from "./findings.ts";
import { isServing } from "./serving.ts";

/** A node as an undo token holds it. */
export type Machine = {
  readonly name: string;
  readonly container: string;
  readonly address: string;
  /** Its first process as `isAlive` knows it: a start gives it another. */
  readonly process: string;
  /** The machine whose container it is: on another one there is nothing to be done about it. */
  readonly host: string;
};

/** Longer than a kubelet of a busy node takes for a handshake with itself; what it says is never taken alone. Milliseconds. */
const LOOK_MS = 200;

/** @throws FaultlineError `fault` when one of them is down already, by another fault or by itself. */
export async function chooseMachines(context: FaultContext, targets: NodeTargets): Promise<readonly Machine[]> {
  const names = await chooseNodes(context, targets);
  const nodes = await context.cluster.nodes();
  return await Promise.all(
    names.map(async (name) => {
      const container = nodes.find((node) => node.name === name)?.container;
      if (container === undefined) {
        throw new FaultlineError("fault", `${name} is no container of this machine: it cannot be paused or killed`, {
          fix: "use a cluster that faultline made on this machine",
        });
      }
      const { status, address, pid } = await container.state();
      const process = tokenOf(pid);
      if (status === "running" && process !== null) {
        return { name, container: container.id, address, process, host: hostname() };
      }
      throw new FaultlineError("fault", `${name} is ${status} already: a second fault on it would have no effect`, {
        fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
      });
    }),
  );
}

export const isHere = ({ host }: Machine): boolean => host === hostname();

/** What the node answers from outside of it; an answer of another node that has its address now is none. */
export async function look(machine: Machine): Promise<KubeletAnswer> {
  const answer = await askKubelet(machine.address, LOOK_MS);
  return answer.reached !== "tls" || answer.subject.includes(machine.name) ? answer : { ...answer, reached: "none" };
}

/** The engine's freezer gives up on a busy node ("unable to freeze"), and is asked again, half a second later each time. */
const TRIES = 20;

/**
 * For the shell that holds the lease: run on each node whose container is in one of these states, and right when the
 * container is gone. The script fails if it does for one of them, and tries them all.
 */
export function whenIn(states: string, machines: readonly Pick<Machine, "container">[], command: string): string {
  const lines = machines.map(({ container }) => `one ${container} || failed=1`);
  return `failed=0
one() {
  tries=0
  while :; do
    state=$(docker container inspect --format '{{.State.Status}}' "$1" 2>&1) || {
      case $state in *[Nn]'o such container'*) return 0 ;; esac
      echo "$state"
      return 1
    }
    case $state in
      ${states}) docker ${command} "$1" && return 0 ;;
      *) return 0 ;;
    esac
    tries=$((tries + 1))
    [ "$tries" -lt ${TRIES} ] || return 1
    sleep 0.5
  done
}
${lines.join("\n")}
exit "$failed"`;
}

/** `sinceMs`: see `isServing`. A node of another machine is looked at through the API alone: its lease there ends the fault. */
export async function lookIfBack(machine: Machine, context: FaultContext, sinceMs = 0): Promise<Finding> {
  const { name } = machine;
  const serving = async () => isServing(context.cluster.kube, name, sinceMs);
  if (!isHere(machine)) {
    const { serves, saw } = await serving();
    return { name, inEffect: !serves, saw };
  }
  const { status, address } = await containerHandle(machine.container).state();
  if (status === "gone") return { name, inEffect: false, saw: "its container is gone" };
  if (status !== "running") return { name, inEffect: true, saw: `its container is ${status}` };
  const answer = await look({ ...machine, address });
  const values = { address, kubelet: answer.reached, lookMs: answer.ms };
  if (answer.reached !== "tls") return { name, inEffect: true, saw: `its kubelet is silent on ${address}`, values };
  const { serves, saw } = await serving();
  return { name, inEffect: !serves, saw: `its kubelet answered in ${answer.ms} ms, and ${saw}`, values };
}
