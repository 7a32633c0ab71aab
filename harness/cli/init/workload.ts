/** What the manifests of a service tell, so that `faultline init` need not ask for it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { parseManifests } from "../../plan/overlay.ts";

export interface Workload {
  /** Paths of the manifests, as given or found. */
  readonly files: readonly string[];
  readonly deployment: string;
  /** `app=checkout` */
  readonly selector: string;
  readonly replicas: number;
  readonly container: string;
  readonly image: string;
  /** Folder with a Dockerfile beside the manifests or above them; null: the image is not built here. */
  readonly context: string | null;
  readonly containerPort: number;
  readonly service: string;
  /** With `${NAMESPACE}` in it where the manifest has it; empty: no Ingress names one. */
  readonly host: string;
}

// biome-ignore lint/suspicious/noExplicitAny: manifests have no closed shape.
type Loose = any;

/** What is known where no Deployment is asked for. */
const NO_DEPLOYMENT = {
  deployment: "",
  selector: "",
  replicas: 0,
  container: "",
  image: "",
  containerPort: 0,
  service: "",
  host: "",
};
/** How far above a manifest its Dockerfile is looked for. */
const LEVELS_ABOVE = 2;

/**
 * @param given YAML files, or folders of them
 * @param deployment name; needed where there are several
 * @throws FaultlineError `usage` naming what is not there, all of it
 */
export function readWorkload(given: readonly string[], deployment?: string): Workload {
  const files = given.flatMap(yamlFiles);
  const objects = files.flatMap(objectsOf);
  const deployments = objects.filter(({ kind }) => kind === "Deployment");
  const named = deployments.map(({ metadata }) => metadata?.name);
  const chosen = deployments.find(({ metadata }) => metadata?.name === (deployment ?? named[0]));
  if (chosen === undefined || (deployment === undefined && deployments.length > 1)) {
    const there = named.length === 0 ? "no Deployment is in them" : `there are ${named.join(", ")}`;
    throw new FaultlineError("usage", `which Deployment of ${given.join(", ")}? ${there}`, {
      fix: named.length === 0 ? "Name the manifests of the service." : "Say --set deployment=NAME.",
    });
  }
  const labels: Record<string, string> = chosen.spec?.template?.metadata?.labels ?? {};
  const container: Loose = chosen.spec?.template?.spec?.containers?.[0] ?? {};
  const service = objects.find(({ kind, spec }) => kind === "Service" && selects(spec?.selector, labels));
  const ingress = objects.find(
    (object) => object.kind === "Ingress" && JSON.stringify(object.spec ?? {}).includes(`"${service?.metadata?.name}"`),
  );
  return {
    files,
    deployment: chosen.metadata.name,
    selector: Object.entries(chosen.spec?.selector?.matchLabels ?? labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    replicas: chosen.spec?.replicas ?? 1,
    container: container.name ?? "",
    image: container.image ?? "",
    context: contextOf(files),
    containerPort: container.ports?.[0]?.containerPort ?? 8080,
    service: service?.metadata?.name ?? "",
    host: ingress?.spec?.rules?.[0]?.host ?? "",
  };
}

/** The files alone. @throws FaultlineError `usage` naming what is not there. */
export function readFiles(given: readonly string[]): Workload {
  const files = given.flatMap(yamlFiles);
  return { ...NO_DEPLOYMENT, files, context: contextOf(files) };
}

const selects = (selector: Record<string, string> | undefined, labels: Record<string, string>) =>
  selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value);

function yamlFiles(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new FaultlineError("usage", `${path} is not there`, {
      fix: "Name the manifests, or the folder they are in.",
    });
  }
  if (!found.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

function objectsOf(file: string): readonly Loose[] {
  const { manifests, problems } = parseManifests(readFileSync(file, "utf8"), file);
  if (problems.length === 0) return manifests;
  throw new FaultlineError("usage", problems.map(({ path, message }) => `${path}: ${message}`).join("\n"));
}

function contextOf(files: readonly string[]): string | null {
  for (const file of files) {
    let folder = dirname(file);
    for (let level = 0; level <= LEVELS_ABOVE; level++, folder = join(folder, "..")) {
      if (existsSync(join(folder, "Dockerfile"))) return folder;
    }
  }
  return null;
}
