/** The verbs of `Kube` over a transport: paths, bodies, content types and refusals. */
import { FaultlineError } from "../../errors.ts";
import type { Json, Manifest } from "../../types.ts";
import type { Kube, KubeObject, Ref } from "../kube.ts";
import { startLogFollow } from "./follow-log.ts";
import { type ApiResource, createPathFinder, query } from "./paths.ts";
import { refused, statusOf } from "./status.ts";
import { createTransport, type Endpoint, type Transport } from "./transport.ts";
import { type ListPage, startWatch, WATCH_TIMING, type WatchTiming } from "./watch.ts";

const FIELD_MANAGER = "faultline";
const JSON_TYPE = "application/json";
const APPLY_TYPE = "application/apply-patch+yaml"; // JSON is YAML
const MERGE_TYPE = "application/merge-patch+json";

/** @param endpoint asked once, at the first call. */
export function createKube(endpoint: () => Promise<Endpoint>, timing: WatchTiming = WATCH_TIMING): Omit<Kube, "exec"> {
  let opened: Promise<Transport> | undefined;
  const transport = () => {
    opened ??= endpoint().then(createTransport);
    return opened;
  };

  async function send(method: string, path: string, body?: unknown, contentType = JSON_TYPE, headers = {}) {
    const answer = await (await transport()).call({
      method,
      path,
      headers: { ...(body === undefined ? {} : { "content-type": contentType }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    if (answer.status < 200 || answer.status > 299) throw refused(method, path, answer);
    return answer.body;
  }
  const sendJson = async (...args: Parameters<typeof send>): Promise<KubeObject> => parsed(await send(...args));

  const paths = createPathFinder(async (base) => {
    const list = await orNull(() => sendJson("GET", base));
    return (list?.resources ?? []) as readonly ApiResource[];
  });

  async function listPage(
    ref: Ref,
    options: { readonly labelSelector?: string | undefined; readonly fieldSelector?: string | undefined } = {},
  ): Promise<ListPage> {
    const path = (await paths.collection(ref)) + query(selectors(ref, options));
    const list = await sendJson("GET", path);
    return { items: list.items ?? [], resourceVersion: list.metadata?.resourceVersion ?? "" };
  }

  const kube: Omit<Kube, "exec"> = {
    get: async (ref) => {
      const path = await paths.object(ref);
      return await orNull(() => sendJson("GET", path));
    },
    list: async (ref, options) =>
      (await listPage(ref, options)).items.map((item) => ({ apiVersion: ref.apiVersion, kind: ref.kind, ...item })),
    apply: async (object, options) => {
      const path = await paths.object(refOf(object));
      const parameters = query({
        fieldManager: FIELD_MANAGER,
        force: true,
        dryRun: options?.dryRun ? "All" : undefined,
      });
      return await sendJson("PATCH", path + parameters, object, APPLY_TYPE);
    },
    create: async (object) =>
      await sendJson("POST", (await paths.collection(refOf(object))) + query({ fieldManager: FIELD_MANAGER }), object),
    patch: async (ref, body, options) => {
      const subresource = options?.subresource === undefined ? "" : `/${options.subresource}`;
      const path = (await paths.object(ref)) + subresource + query({ fieldManager: FIELD_MANAGER });
      return await sendJson("PATCH", path, body, MERGE_TYPE);
    },
    delete: async (ref, options) => {
      const path = await paths.object(ref);
      const body = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: "Background",
        ...(options?.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
        ...(options?.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
      };
      await orNull(() => sendJson("DELETE", path, body), options?.uid === undefined ? [404] : [404, 409]);
    },
    watch: async (ref, options) => {
      const target = {
        transport: await transport(),
        collection: await paths.collection(ref),
        list: () => listPage(ref, options),
        type: { apiVersion: ref.apiVersion, kind: ref.kind },
      };
      return await startWatch(target, { ...options, ...selectors(ref, options) }, timing);
    },
    followLog: (pod, onLine) =>
      startLogFollow(
        {
          ...pod,
          stream: async (path, signal) => await (await transport()).stream(path, signal),
          pod: () => kube.get({ apiVersion: "v1", kind: "Pod", namespace: pod.namespace, name: pod.name }),
        },
        onLine,
      ),
    podHttp: async (pod, request) => {
      const path = podProxyPath(pod, request.path);
      const answer = await (await transport()).call({ method: request.method, path, ...bodyOf(request.body) });
      // A Status object is the API server speaking, not the pod: no such pod, nobody listens on the port.
      if (answer.status >= 400 && statusOf(answer.body) !== null) throw refused(request.method, path, answer);
      return { status: answer.status, body: answer.body };
    },
    request: async (method, path, body, options) =>
      parsed(await send(method, path, body, options?.contentType, options?.headers)),
    version: async () => (await sendJson("GET", "/version")).gitVersion,
    close: () => void opened?.then((open) => open.close()).catch(() => undefined),
  };
  return kube;
}

function parsed(body: string): KubeObject {
  try {
    return body === "" ? null : JSON.parse(body);
  } catch {
    return body;
  }
}

/** null where the API server answers with one of these. */
async function orNull<T>(call: () => Promise<T>, answers: readonly unknown[] = [404]): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof FaultlineError && answers.includes(error.context.status)) return null;
    throw error;
  }
}

function refOf(object: Manifest): Ref & { name: string } {
  const { name, namespace } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** A ref that names one object narrows the collection to it. */
function selectors(
  ref: Ref,
  options: { readonly labelSelector?: string | undefined; readonly fieldSelector?: string | undefined },
) {
  const byName = ref.name === undefined ? [] : [`metadata.name=${ref.name}`];
  const fields = [...byName, ...(options.fieldSelector === undefined ? [] : [options.fieldSelector])].join(",");
  return {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(fields === "" ? {} : { fieldSelector: fields }),
  };
}

function podProxyPath(pod: { readonly namespace: string; readonly name: string; readonly port: number }, path: string) {
  const target = `${encodeURIComponent(pod.name)}:${pod.port}`;
  return `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${target}/proxy/${path.replace(/^\//, "")}`;
}

function bodyOf(body: Json | undefined) {
  return body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": JSON_TYPE } };
}
