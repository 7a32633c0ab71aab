/** Signals of jobs that ask for credentials before their address is known, and of the kubelets that are late with it. */
import type { IdentitySignal } from "../../probe-specs.ts";
import type { Observation } from "../../types.ts";
import {
  addressDelaysOf,
  gotWrongRole,
  type Job,
  type Jobs,
  jobsOf,
  KUBE2IAM_PATIENCE_MS,
  wasRefusedBeforeAddress,
} from "../jobs.ts";
import { limiterWaitOf } from "../kubelet-waits.ts";
import { percentile } from "../statistics.ts";
import { count, counted, milliseconds, percent } from "../words.ts";
import type { Measured, SignalKind } from "./signal.ts";

/** More pods than this share without a word in their log, and what is missing could be what matters. */
const UNHEARD_AT_MOST = 0.05;

const times = { unit: "ms", amount: milliseconds };
const jobs = { unit: "jobs", amount: (value: number) => counted(value, "job") };

export const identitySignals: Readonly<Record<IdentitySignal, SignalKind>> = {
  "pod-address-delay": ofJobs(times, addressDelay),
  "late-pod-addresses": ofJobs({ unit: "ratio", amount: percent }, lateAddresses),
  "jobs-refused-before-address": ofJobs(jobs, refused),
  "wrong-identity": ofJobs(jobs, wrongRoles),
  "kubelet-limiter-wait": {
    ...times,
    sample: "read",
    measure: ({ record }, over) => limiterWait(record.observations, over),
  },
};

function ofJobs(words: Pick<SignalKind, "unit" | "amount">, measure: (all: readonly Job[]) => Measured): SignalKind {
  return {
    ...words,
    sample: "job",
    measure: ({ record }, over) => {
      const found = jobsOf(over, record.observations);
      const measured = measure(found.jobs);
      if (found.blind === 0) return measured;
      return { ...measured, leftOut: `${counted(found.blind, "job")} left out because a watch had a gap` };
    },
    doubt: ({ record }, over) => unheardDoubt(jobsOf(over, record.observations)),
  };
}

function unheardDoubt({ jobs: heard, unheard, blind }: Jobs): string | null {
  const all = heard.length + blind + unheard;
  if (unheard <= all * UNHEARD_AT_MOST) return null;
  return `${count(unheard)} of ${counted(all, "pod")} never said anything: they did not begin, or their log was not read.`;
}

function addressDelay(all: readonly Job[]): Measured {
  const delays = addressDelaysOf(all);
  const value = percentile(delays, 99);
  const words = `From a job's first act to its address in the API it took ${milliseconds(value)} at p99 and ${milliseconds(percentile(delays, 50))} in the middle of ${counted(delays.length, "job")}`;
  return { samples: delays.length, value, words };
}

function lateAddresses(all: readonly Job[]): Measured {
  const delays = addressDelaysOf(all);
  const late = delays.filter((delay) => delay > KUBE2IAM_PATIENCE_MS).length;
  const value = late / delays.length;
  const words = `For ${count(late)} of ${counted(delays.length, "job")} (${percent(value)}) the address came more than ${milliseconds(KUBE2IAM_PATIENCE_MS)} after the first act`;
  return { samples: delays.length, value, words };
}

function refused(all: readonly Job[]): Measured {
  const answered = all.filter(({ outcome }) => outcome !== null);
  const without = answered.filter(({ outcome }) => outcome === "no-credentials");
  const value = without.filter(wasRefusedBeforeAddress).length;
  const others = without.length === value ? "" : `; ${count(without.length - value)} more got none for another reason`;
  const words =
    value === 0
      ? `None of ${counted(answered.length, "job")} was refused before its address was known${others}`
      : `${count(value)} of ${counted(answered.length, "job")} got no credentials because the address was not known yet${others}`;
  return { samples: answered.length, value, words };
}

function wrongRoles(all: readonly Job[]): Measured {
  const with_ = all.filter(({ outcome }) => outcome === "credentials");
  const wrong = with_.filter(gotWrongRole);
  const [first] = wrong;
  const example =
    first === undefined ? "" : ` (${first.pod} at ${first.ip} got ${first.role}, its own is ${first.expectedRole})`;
  const words =
    wrong.length === 0
      ? `Each of ${counted(with_.length, "job")} with credentials got its own role`
      : `${count(wrong.length)} of ${counted(with_.length, "job")} got another role than its own${example}`;
  return { samples: with_.length, value: wrong.length, words };
}

function limiterWait(observations: readonly Observation[], probe: string): Measured {
  const { calls, meanMs, limits, statusMs } = limiterWaitOf(probe, observations);
  const published = Number.isNaN(statusMs)
    ? ""
    : `; a pod's state was published after ${milliseconds(statusMs)} on average`;
  const words = `Each of ${counted(calls, "read")} of the kubelets waited ${milliseconds(meanMs)} for its turn while the jobs began (${limits})${published}`;
  return { samples: calls, value: meanMs, words };
}
