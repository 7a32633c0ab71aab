import { expect, test } from "vitest";
import { adviceFor, isFlaky } from "./kind-advice.ts";

test.each([
  ["command failed: failed to create fsnotify watcher: too many open files", "max_user_instances"],
  ["write /var/lib/x: no space left on device", "docker system df"],
  ["docker: Error response from daemon: unable to apply caps: operation not permitted", "CAP_SYS_RESOURCE"],
  [
    'ERROR: failed to create cluster: could not find a log line that matches "Reached target .*Multi-User System.*"',
    "did not boot",
  ],
  ["kubelet is configured to not run on a host using cgroup v1", "failCgroupV1"],
  ["requires setting systemd property Delegate=yes", "cgroup controller"],
  ["Error starting userland proxy: listen tcp4 127.0.0.1:20001: bind: address already in use", "another free port"],
  ['failed to pull image "kindest/node:v1.37.0"', "FAULTLINE_IMAGE_MIRROR"],
  ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "does not answer"],
])("%s", (output, advice) => {
  expect(adviceFor(output)).toContain(advice);
});

test("inotify comes before the node that did not boot for want of it", () => {
  const output = 'too many open files\ncould not find a log line that matches "Reached target"';
  expect(adviceFor(output)).toContain("inotify");
  expect(isFlaky(output)).toBe(false);
});

test("only failures of the moment are tried again", () => {
  expect(isFlaky("dial tcp 172.18.0.2:6443: connect: connection refused")).toBe(true);
  expect(isFlaky("unable to apply caps")).toBe(false);
  expect(adviceFor("something new")).toBeNull();
});
