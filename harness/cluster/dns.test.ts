import { expect, test } from "vitest";
import { asksFromHost, withoutUpstream } from "./dns.ts";

test("Docker's comment tells who asks", () => {
  const docker = (servers: string) =>
    `nameserver 172.18.0.1\noptions ndots:0\n\n# ExtServers: [${servers}]\n# Overrides: []\n`;
  expect(asksFromHost(docker("host(127.0.0.53)"))).toBe(true);
  expect(asksFromHost(docker("10.0.0.2 host(127.0.0.1)"))).toBe(true);
  expect(asksFromHost(docker("10.0.0.2"))).toBe(false);
  expect(asksFromHost("nameserver 10.0.0.2\n")).toBe(false);
});

test("only where a Corefile forwards to is changed", () => {
  const corefile = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
}
other.:53 {
    forward . 10.0.0.2 10.0.0.3
}
`;
  expect(withoutUpstream(corefile)).toBe(
    corefile.replace("/etc/resolv.conf", "192.0.2.53").replace("10.0.0.2 10.0.0.3", "192.0.2.53"),
  );
});
