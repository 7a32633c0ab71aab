/** What a watch of the EndpointSlices said about each address, and when. */
import type { Observation } from "../types.ts";

type EndpointEvent = Observation & { readonly type: "endpoint" };

export class EndpointStates {
  /** In the order of time. */
  readonly #events: readonly EndpointEvent[];

  constructor(observations: readonly Observation[]) {
    this.#events = observations.filter((o) => o.type === "endpoint").sort((a, b) => a.t - b.t);
  }

  /** First time from `fromMs` on that the address was seen not ready or gone; null: never until `untilMs`. */
  notReadyFrom(ip: string, pod: string, fromMs: number, untilMs: number): number | null {
    const event = this.#events.find(
      (e) =>
        e.ip === ip && (e.pod === null || e.pod === pod) && e.t >= fromMs && e.t < untilMs && (!e.ready || !e.present),
    );
    return event?.t ?? null;
  }

  /** How many addresses were ready at this time. */
  readyBefore(t: number): number {
    const ready = new Set<string>();
    for (const event of this.#events) {
      if (event.t > t) break;
      if (event.ready && event.present) ready.add(event.ip);
      else ready.delete(event.ip);
    }
    return ready.size;
  }
}
