/** Seeing from outside that a node stands still. */
import { containerHandle } from "../../cluster/container.ts";
import type { Finding } from "./findings.ts";
import { look, type Machine } from "./machine.ts";

/** A node that runs uses several milliseconds in the time of a look; one that stands still uses none. */
const STILL_MS = 0.1;

/** The kernel takes a connection to the kubelet, nobody answers on it, and meanwhile no process uses the CPU. */
export async function standsStill(machine: Machine): Promise<Finding> {
  const container = containerHandle(machine.container, Number(machine.process.split(".")[0]));
  const before = await container.cpuUsageMs();
  const answer = await look(machine);
  const cpuMs = (await container.cpuUsageMs()) - before;
  const said =
    answer.reached === "tls" ? "answered in" : `${answer.reached === "tcp" ? "was silent" : "was not reached"} for`;
  return {
    name: machine.name,
    inEffect: answer.reached === "tcp" && cpuMs < STILL_MS,
    saw: `its kubelet ${said} ${answer.ms} ms, in which all processes of the node used ${cpuMs.toFixed(1)} ms of CPU`,
    values: { kubelet: answer.reached, lookMs: answer.ms, cpuMs: Number(cpuMs.toFixed(3)) },
  };
}
