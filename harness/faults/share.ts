/** Whether a share of many was drawn as asked. Pure. */

/** So far from it a share is found once in 16,000 times. */
const SIGMAS = 4;

/** Of a share of 0 to 1 among so many; none where it is all of them. */
export function isShare(hits: number, all: number, share: number): boolean {
  const tolerance = SIGMAS * Math.sqrt((share * (1 - share)) / Math.max(1, all));
  return hits > 0 && Math.abs(hits / Math.max(1, all) - share) <= tolerance;
}

/** Whole or with one decimal: "12.5 %". @param share 0 to 1 */
export const percent = (share: number) => `${(share * 100).toFixed(1).replace(/\.0$/, "")} %`;
