import { afterEach, describe, expect, test } from "vitest";
import type { FaultlineError } from "../../errors.ts";
import { type FakeApiServer, type FakeRequest, fakeApiServer, json, refusal } from "../../testing/fake-api-server.ts";

let server: FakeApiServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const DEPLOYMENT = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "checkout", namespace: "shop" } };

describe("kube", () => {
  test("applies on the server's side under our name, and a dry run says so", async () => {
    const requests: FakeRequest[] = [];
    server = await fakeApiServer((request, response) => {
      requests.push(request);
      json(response, 200, JSON.parse(request.body));
    });
    await server.kube.apply(DEPLOYMENT);
    await server.kube.apply(DEPLOYMENT, { dryRun: true });
    const [real, dry] = requests as [FakeRequest, FakeRequest];
    expect(real.method).toBe("PATCH");
    expect(real.path).toBe("/apis/apps/v1/namespaces/shop/deployments/checkout");
    expect(Object.fromEntries(real.query)).toEqual({ fieldManager: "faultline", force: "true" });
    expect(real.headers["content-type"]).toBe("application/apply-patch+yaml");
    expect(dry.query.get("dryRun")).toBe("All");
  });

  test("a refusal carries the server's own words, the call, and a fix", async () => {
    server = await fakeApiServer((_request, response) =>
      refusal(response, 422, "Invalid", "spec.replicas: Invalid value: -1"),
    );
    const error = (await server.kube.apply(DEPLOYMENT).catch((thrown: unknown) => thrown)) as FaultlineError;
    expect(error.code).toBe("cluster");
    expect(error.message).toContain("PATCH /apis/apps/v1/namespaces/shop/deployments/checkout");
    expect(error.message).toContain("spec.replicas: Invalid value: -1");
    expect(error.fix).toContain("field");
    expect(error.context.status).toBe(422);
  });

  test("what is gone is null to get and right to delete; other refusals are not", async () => {
    server = await fakeApiServer((request, response) =>
      request.path.endsWith("/secret")
        ? refusal(response, 403, "Forbidden", "no")
        : refusal(response, 404, "NotFound", "not found"),
    );
    const ref = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "gone" };
    expect(await server.kube.get(ref)).toBeNull();
    await server.kube.delete(ref);
    await expect(server.kube.get({ ...ref, name: "secret" })).rejects.toThrow("403 no");
  });

  test("an unknown kind is named with what is served; a known one is asked for once", async () => {
    server = await fakeApiServer((_request, response) => json(response, 200, { items: [] }));
    const { kube, asked } = server;
    await expect(kube.list({ apiVersion: "apps/v1", kind: "Deploymant" })).rejects.toThrow("no kind Deploymant");
    await kube.list({ apiVersion: "v1", kind: "Pod", namespace: "shop" }, { labelSelector: "app=x" });
    await kube.list({ apiVersion: "v1", kind: "Pod" });
    expect(asked.filter((line) => line === "GET /api/v1")).toHaveLength(1);
    expect(asked.slice(-2)).toEqual(["GET /api/v1/namespaces/shop/pods?labelSelector=app=x", "GET /api/v1/pods"]);
  });

  test("a namespaced object without a namespace is a mistake of the caller", async () => {
    server = await fakeApiServer((_request, response) => json(response, 200, {}));
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } };
    await expect(server.kube.apply(object)).rejects.toMatchObject({ code: "usage" });
  });

  test("a busy server is asked again after the time it names", async () => {
    let calls = 0;
    server = await fakeApiServer((_request, response) =>
      ++calls === 1
        ? response.writeHead(429, { "retry-after": "0" }).end()
        : json(response, 200, { gitVersion: "v1.37.2" }),
    );
    expect(await server.kube.version()).toBe("v1.37.2");
    expect(calls).toBe(2);
  });

  test("a call that reset its connection is repeated where that is safe, and only there", async () => {
    let posts = 0;
    let gets = 0;
    server = await fakeApiServer((request, response) => {
      if (request.method === "POST") posts++;
      else gets++;
      return request.method === "POST" || gets === 1
        ? void response.destroy()
        : json(response, 200, { gitVersion: "v1.37.2" });
    });
    expect(await server.kube.version()).toBe("v1.37.2");
    await expect(server.kube.create(DEPLOYMENT)).rejects.toThrow("no answer");
    expect(posts).toBe(1);
  });

  test("a pod's own errors are answers, the API server's are errors", async () => {
    server = await fakeApiServer((request, response) =>
      request.path.includes("dead")
        ? refusal(response, 503, "ServiceUnavailable", "connect: connection refused")
        : json(response, 500, { saw: `${request.method} ${request.path} ${request.body}` }),
    );
    const target = { namespace: "shop", name: "proxy", port: 9000 };
    const answer = await server.kube.podHttp(target, { method: "POST", path: "/lag?x=1", body: { ms: 5 } });
    expect(answer.status).toBe(500);
    expect(answer.body).toContain('POST /api/v1/namespaces/shop/pods/proxy:9000/proxy/lag {\\"ms\\":5}');
    await expect(server.kube.podHttp({ ...target, name: "dead" }, { method: "GET", path: "/" })).rejects.toThrow(
      "connection refused",
    );
  });
});
