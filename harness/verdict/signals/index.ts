/** Every signal by its name. A name of `Signal` without a row here does not compile. */
import type { Signal } from "../../types.ts";
import { credentialSignals } from "./credentials.ts";
import { identitySignals } from "./identity.ts";
import { placementSignals } from "./placement.ts";
import type { SignalKind } from "./signal.ts";
import { terminationSignals } from "./terminations.ts";

export const signals: Readonly<Record<Signal, SignalKind>> = {
  ...terminationSignals,
  ...credentialSignals,
  ...placementSignals,
  ...identitySignals,
};
