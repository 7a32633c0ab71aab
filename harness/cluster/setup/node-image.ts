/** The kind node image from a Debian root file system, the Go programs and kind's own files. */
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { exec } from "../exec.ts";
import { LABEL_OWNER, OWNER } from "../labels.ts";
import { type ImageFile, linkBelow, packLayer, writeArchive } from "./archive.ts";
import { programsFolder } from "./programs.ts";
import { proxyRootKey, recipeFolder, rootFilesystemKey, versions } from "./recipe.ts";
import type { StepContext } from "./step.ts";
import { cached, inWorkFolder } from "./workspace.ts";

/** One name, so that what a killed setup left is found and removed. */
const BUILD_CONTAINER = "faultline-setup-node-image";
/** The image of the pod-routes DaemonSet: kube-proxy's, under a name that does not change with the version. */
const PROXY_TAG = "localhost/faultline/kube-proxy:node";

/** Builds the node image and gives it the tag `image`; the tag appears when the image is complete. */
export async function buildNodeImage(image: string, context: StepContext): Promise<void> {
  await inWorkFolder("node-image", async (folder) => {
    context.report("component images");
    await writeComponentImages(folder, context);
    await writeFile(join(folder, "version"), versions.kubernetes());
    context.report("root file system");
    const root = join(cached("root", rootFilesystemKey()), "root.tar");
    const base = (await docker(["import", root], context)).trim();
    try {
      await assemble(folder, base, image, context);
    } finally {
      await docker(["rm", "--force", "--volumes", BUILD_CONTAINER], context, "any");
    }
  });
}

/** The images that kubeadm asks for, made of four programs; the three control plane images are one layer. */
async function writeComponentImages(folder: string, context: StepContext): Promise<void> {
  const programs = programsFolder();
  const named = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl"];
  await layer("kubernetes", join(programs, "kubernetes"), "usr/local/bin/kubernetes", named);
  await layer("etcd", join(programs, "server"), "usr/local/bin/etcd");
  await layer("coredns", join(programs, "coredns"), "coredns");
  await layer("pause", join(programs, "pause"), "pause");
  await exec("cp", [join(cached("proxy-root", proxyRootKey()), "proxy.tar"), folder], { timeoutMs: 60_000 });
  await writeArchive(folder, await componentImages(folder), context.signal);

  async function layer(name: string, program: string, path: string, links: readonly string[] = []): Promise<void> {
    const root = join(folder, `${name}.root`);
    await mkdir(join(root, path, ".."), { recursive: true });
    await exec("cp", [program, join(root, path)], { timeoutMs: 60_000 });
    for (const link of links) await linkBelow(root, join(path, "..", link), name);
    await packLayer(root, folder, name, context.signal);
  }
}

/** Names and tags come from kubeadm itself and from kind's containerd configuration: they must agree with those. */
async function componentImages(folder: string): Promise<ImageFile[]> {
  const kubeadm = join(folder, "kubeadm");
  await symlink(join(programsFolder(), "kubernetes"), kubeadm);
  const version = versions.kubernetes();
  const { stdout } = await exec(kubeadm, ["config", "images", "list", "--kubernetes-version", version], {
    timeoutMs: 60_000,
  });
  const wanted = stdout.split("\n");
  const named = (name: string): string => {
    const found = wanted.find((image) => image.includes(`/${name}:`));
    if (found === undefined) throw new FaultlineError("setup", `kubeadm ${version} names no image for ${name}`);
    return found;
  };
  const containerd = await readFile(join(programsFolder(), "kind-files/etc/containerd/config.toml"), "utf8");
  const sandbox = /sandbox_image = "([^"]+)"/.exec(containerd)?.[1];
  if (sandbox === undefined)
    throw new FaultlineError("setup", "kind's containerd configuration names no sandbox image");
  const path = { Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] };
  const controlPlane = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map(named);
  return [
    { tags: controlPlane, layers: ["kubernetes"], config: path },
    { tags: [named("kube-proxy"), PROXY_TAG], layers: ["kubernetes", "proxy"], config: path },
    { tags: [named("etcd")], layers: ["etcd"], config: path },
    { tags: [named("coredns")], layers: ["coredns"], config: { Entrypoint: ["/coredns"] } },
    { tags: [sandbox], layers: ["pause"], config: { Entrypoint: ["/pause"], User: "65535:65535" } },
  ];
}

/** Privileged, because containerd runs in there to import the images. Nothing in there is fetched: it has no network. */
async function assemble(folder: string, base: string, image: string, context: StepContext): Promise<void> {
  await docker(["rm", "--force", "--volumes", BUILD_CONTAINER], context, "any");
  const mounts = [`${folder}:/build:ro`, `${programsFolder()}:/build/bin:ro`, `${recipeFolder}:/recipe:ro`];
  await mkdir(join(folder, "bin"));
  await docker(
    [
      ...["run", "--detach", "--name", BUILD_CONTAINER, "--label", `${LABEL_OWNER}=${OWNER}`],
      ...["--privileged", "--security-opt", "seccomp=unconfined", "--network", "none"],
      ...mounts.flatMap((mount) => ["--volume", mount]),
      ...[base, "/bin/sleep", "infinity"],
    ],
    context,
  );
  context.report("files, programs and images");
  await docker(["exec", BUILD_CONTAINER, "bash", "/recipe/assemble.sh"], context);
  context.report("commit");
  const changes = [
    'ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]',
    "CMD []",
    "ENV container=docker",
    "STOPSIGNAL SIGRTMIN+3",
    // A container inherits its image's labels: a cluster that somebody else boots from this image is not ours.
    `LABEL ${LABEL_OWNER}=`,
  ];
  await docker(["commit", ...changes.flatMap((change) => ["--change", change]), BUILD_CONTAINER, image], context);
}

async function docker(
  args: readonly string[],
  context: StepContext,
  accept: readonly number[] | "any" = [0],
): Promise<string> {
  const { stdout } = await exec("docker", args, {
    timeoutMs: 10 * 60_000,
    signal: context.signal,
    accept,
    onLine: context.report,
  });
  return stdout;
}
