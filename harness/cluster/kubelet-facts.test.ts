import { expect, test } from "vitest";
import { kubeletCountsIn } from "./kubelet-facts.ts";

test("what a kubelet counts is read over all labels, by verb, or none", () => {
  const metrics = `# TYPE rest_client_rate_limiter_duration_seconds histogram
rest_client_rate_limiter_duration_seconds_bucket{host="a:6443",verb="GET",le="+Inf"} 11
rest_client_rate_limiter_duration_seconds_sum{host="a:6443",verb="GET"} 2.5e-01
rest_client_rate_limiter_duration_seconds_count{host="a:6443",verb="GET"} 11
rest_client_rate_limiter_duration_seconds_sum{host="a:6443",verb="POST"} 1
rest_client_rate_limiter_duration_seconds_count{host="a:6443",verb="POST"} 4
kubelet_pod_status_sync_duration_seconds_sum 3.5
kubelet_pod_status_sync_duration_seconds_count 7
`;
  expect([kubeletCountsIn(metrics), kubeletCountsIn("")]).toEqual([
    { calls: 15, waitMs: 1_250, reads: 11, readWaitMs: 250, statuses: 7, statusMs: 3_500 },
    { calls: 0, waitMs: 0, reads: 0, readWaitMs: 0, statuses: 0, statusMs: 0 },
  ]);
});
