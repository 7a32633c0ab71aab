/** What packets between a fault's ends show, as evidence: each target is measured with one peer, one way and the other. */
import type { Evidence, Json } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";
import { type End, type EndsSpec, type Peers, witnessesOf } from "./ends.ts";
import { type Link, type LinkReport, type ProbePlan, probeLinks } from "./probe.ts";

export interface Judge<Params extends Json> {
  /** How it is done; stands in the evidence. */
  readonly method: string;
  plan(params: Params): ProbePlan;
  /** Is this what was asked for? */
  isHit(params: Params, report: LinkReport): boolean;
  saw(report: LinkReport): string;
  values(report: LinkReport): Readonly<Record<string, number>>;
}
export interface Ends {
  readonly targets: readonly End[];
  readonly peers: Peers;
  readonly direction: EndsSpec["direction"];
  /** As long as other faults hold packets back, so that late ones are not taken for lost. */
  readonly graceMs: number;
}
/** Peers of one target that are tried before it counts as not measured. */
const TRIES = 3;
const UNHURRIED_MS = 500;

/** `any`: one target that is still hit is enough; what cannot be measured, since it is gone, is not hit. */
export async function lookAtTargets<Params extends Json>(
  context: FaultContext,
  judge: Judge<Params>,
  params: Params,
  { targets, peers, direction, graceMs }: Ends,
  effectiveWhen: "all" | "any" = "all",
): Promise<Evidence> {
  const asked = judge.plan(params);
  const plan = {
    ...asked,
    graceMs: Math.max(asked.graceMs, graceMs),
    // Packets are expected to pass, which ends it early: to begin late costs nothing, and to begin again would.
    ...(effectiveWhen === "any" && asked.isBrief === true ? { skewMs: UNHURRIED_MS } : {}),
  };
  const findings: Finding[] = [];
  let waiting = targets.map((target) => ({ target, witnesses: witnessesOf(target, peers).slice(0, TRIES) }));
  let gone: End[] = [];
  while (waiting.length > 0) {
    const pairs = waiting.flatMap(({ target, witnesses: [witness] }) =>
      witness === undefined ? [] : [{ target, witness }],
    );
    const links = pairs.flatMap(({ target, witness }): Link[] => [
      { from: target, to: witness },
      { from: witness, to: target },
    ]);
    const { reports, absent } = await probeLinks(context, links, plan);
    const toPeers = (target: End) => reports.find(({ from }) => from.ip === target.ip);
    const fromPeers = (target: End) => reports.find(({ to }) => to.ip === target.ip);
    const next: typeof waiting = [];
    for (const { target, witnesses } of waiting) {
      const there = toPeers(target);
      const back = fromPeers(target);
      if (there !== undefined && back !== undefined)
        findings.push(finding(judge, params, direction, there, back, effectiveWhen));
      else if (absent.includes(target.ip) || witnesses.length <= 1) gone = [...gone, target];
      else next.push({ target, witnesses: witnesses.slice(1) });
    }
    waiting = next;
  }
  const evidence = evidenceOf(findings, effectiveWhen);
  const missing = gone.map(({ name }) => `${name} could not be measured: it or its peers are gone`);
  return {
    effective: evidence.effective && (effectiveWhen === "any" || (findings.length > 0 && gone.length === 0)),
    because: [judge.method, ...(findings.length === 0 && gone.length > 0 ? [] : [evidence.because]), ...missing].join(
      "; ",
    ),
    values: { method: judge.method, ...evidence.values, notMeasured: gone.length },
  };
}

function finding<Params extends Json>(
  judge: Judge<Params>,
  params: Params,
  direction: EndsSpec["direction"],
  there: LinkReport,
  back: LinkReport,
  effectiveWhen: "all" | "any",
): Finding {
  const hit = [...(direction === "from-peers" ? [] : [there]), ...(direction === "to-peers" ? [] : [back])];
  const named = (way: string, report: LinkReport) =>
    Object.entries(judge.values(report)).map(([key, value]) => [`${way}.${key}`, value] as const);
  return {
    name: there.from.name,
    inEffect: hit[effectiveWhen === "all" ? "every" : "some"]((report) => judge.isHit(params, report)),
    saw: `to ${there.to.name} ${judge.saw(there)}, from it ${judge.saw(back)}`,
    values: { peer: there.to.name, ...Object.fromEntries([...named("to", there), ...named("from", back)]) },
  };
}
