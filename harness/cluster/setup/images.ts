/** Every image that the harness needs by name: upstream, behind a mirror, and as built here from packages. */
import { nodeBaseKey, nodeImageKey, traefikKey, versions } from "./recipe.ts";

/**
 * Where images come from. `registry`: the upstream registry answers. `mirror`: `FAULTLINE_IMAGE_MIRROR` names a registry
 * that serves the same images. `packages`: no image registry, so images are built from package registries.
 */
export type Surroundings = "registry" | "mirror" | "packages";

export interface ImageNames {
  /** What kind boots as a node. */
  readonly nodeImage: string;
  /** The ingress controller. */
  readonly traefikImage: string;
  /** Node 24 on a small base: what services and helper pods are built on. */
  readonly nodeBaseImage: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The node image that kind 0.33 itself defaults to, without its digest: a mirror's copy has another digest. */
const UPSTREAM: ImageNames = {
  nodeImage: "kindest/node:v1.37.0",
  traefikImage: `traefik:v${versions.traefik}`,
  nodeBaseImage: "node:24-slim",
};

/** The same image behind a mirror: `traefik:v3` at `127.0.0.1:5000` is `127.0.0.1:5000/library/traefik:v3`. */
export function mirrored(image: string, mirror: string): string {
  const host = mirror.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  return `${host}/${image.includes("/") ? image : `library/${image}`}`;
}

/** The names under which the images are used in these surroundings. `FAULTLINE_NODE_IMAGE` always wins for the node image. */
export function resolveImages(surroundings: Surroundings, env: Environment = process.env): ImageNames {
  const names = namesIn(surroundings, env);
  return { ...names, nodeImage: env.FAULTLINE_NODE_IMAGE ?? names.nodeImage };
}

function namesIn(surroundings: Surroundings, env: Environment): ImageNames {
  if (surroundings === "packages") {
    return {
      nodeImage: `localhost/faultline/kind-node:${versions.kubernetes()}-${nodeImageKey()}`,
      traefikImage: `localhost/faultline/traefik:v${versions.traefik}-${traefikKey()}`,
      nodeBaseImage: `localhost/faultline/node:${versions.node()}-${nodeBaseKey()}`,
    };
  }
  const mirror = env.FAULTLINE_IMAGE_MIRROR;
  if (surroundings === "registry" || mirror === undefined) return UPSTREAM;
  return {
    nodeImage: mirrored(UPSTREAM.nodeImage, mirror),
    traefikImage: mirrored(UPSTREAM.traefikImage, mirror),
    nodeBaseImage: mirrored(UPSTREAM.nodeBaseImage, mirror),
  };
}
