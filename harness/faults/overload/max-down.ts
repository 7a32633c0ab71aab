/** How many nodes may be down before the control plane evicts nothing any more. Pure. */

/**
 * The node lifecycle controller stops evicting in clusters of up to 50 nodes when more than two nodes and at least 55 %
 * of them are not ready (`--unhealthy-zone-threshold`, `--large-cluster-size-threshold`), and when all are: pods would
 * stay on the dead nodes, and the cascade would end by itself.
 */
const UNHEALTHY = { share: 0.55, nodes: 2 } as const;

/** @param nodes of the cluster, control planes included: the controller counts them too. */
export function usualMaxDown(nodes: number): number {
  const belowShare = Math.ceil(nodes * UNHEALTHY.share) - 1;
  return Math.max(1, Math.min(UNHEALTHY.nodes, belowShare));
}
