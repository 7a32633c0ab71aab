import { expect, test } from "vitest";
import { parseCounters } from "./network.ts";

const LISTING = `Chain DOCKER-USER (1 references)
    pkts      bytes target     prot opt in     out     source               destination
      99     9999 REJECT     all  --  br-other !br-other  0.0.0.0/0            0.0.0.0/0            /* somebody */ reject-with icmp-port-unreachable
     159     9756 REJECT     all  --  br-faultline !br-faultline  0.0.0.0/0            0.0.0.0/0            /* faultline */ reject-with icmp-port-unreachable
   10250 52428800 RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0
`;

test("counters are those of our rule alone", () => {
  expect(parseCounters(LISTING, "br-faultline")).toEqual({ packets: 159, bytes: 9756 });
  expect(parseCounters(LISTING.split("\n").slice(0, 3).join("\n"), "br-faultline")).toBeNull();
});
