/** From the texts of kind, Docker and kubeadm to what a user can do about them. */

interface Advice {
  readonly pattern: RegExp;
  readonly fix: string;
}

/** In order: the first that fits is the most specific. Texts as kind 0.33, Docker 20 to 28 and kubeadm 1.31 to 1.37 write them. */
const ADVICE: readonly Advice[] = [
  {
    pattern: /too many open files|inotify_init|inotify watch/i,
    fix: "This is about inotify, not about open files: sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288 (for the whole host), or remove other clusters.",
  },
  {
    pattern: /no space left on device|disk quota exceeded/i,
    fix: "The disk is full: docker system df, then faultline cluster gc and docker builder prune.",
  },
  {
    pattern: /unable to apply caps|can't apply capabilities/i,
    fix: "This engine cannot start privileged containers on a machine without CAP_SYS_RESOURCE; Docker 26 or newer can: faultline doctor.",
  },
  {
    pattern: /Delegate=yes|cpu controller|controller needs to be delegated/i,
    fix: "The engine may not use a cgroup controller that kubelet needs (cpu, memory or pids; the text names another reason too often): faultline doctor shows which are there.",
  },
  {
    pattern: /cgroup v1 support|failCgroupV1|kubelet is configured to not run on a host using cgroup v1/i,
    fix: "Kubernetes 1.35 and newer refuse cgroup v1 unless told otherwise; remove failCgroupV1 from your topology, the harness sets it where it is needed.",
  },
  {
    pattern: /port is already allocated|address already in use/i,
    fix: "Another program took the port meanwhile; run it again, another free port is chosen.",
  },
  {
    pattern: /could not find a log line that matches/i,
    fix: "A node did not boot: too little memory, inotify instances or cgroup rights. See faultline doctor and the exported node logs; remove other clusters.",
  },
  {
    pattern: /failed to pull image|pull access denied|manifest unknown|no such image/i,
    fix: "The node image is not here and cannot be pulled: faultline setup, or FAULTLINE_IMAGE_MIRROR for a registry of your own.",
  },
  {
    pattern: /Cannot connect to the Docker daemon|docker daemon running/i,
    fix: "The Docker engine does not answer: faultline doctor.",
  },
];

/** Failures of the machine's moment, not of its setting: create may be tried once more. */
const FLAKY: readonly RegExp[] = [
  /could not find a log line that matches/i,
  /port is already allocated|address already in use/i,
  /connection refused|connection reset by peer|TLS handshake timeout/i,
  /failed to remove control plane (taint|labels)/i,
];

/** What to do about kind's output; null when nothing in it is known. */
export function adviceFor(output: string): string | null {
  return ADVICE.find(({ pattern }) => pattern.test(output))?.fix ?? null;
}

export function isFlaky(output: string): boolean {
  return !/too many open files|no space left/i.test(output) && FLAKY.some((pattern) => pattern.test(output));
}
