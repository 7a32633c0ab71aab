/** How patient a job is, from its environment. */

export interface Settings {
  /** Of the metadata service. */
  readonly url: string;
  /** How often credentials are asked for, all in all. An SDK of the time asked once. */
  readonly attempts: number;
  /** Pause after the first failure, doubled after each, at most 5 s. ms */
  readonly backoffMs: number;
  /** An answer that takes longer is none. ms */
  readonly timeoutMs: number;
  /** Before the first attempt. ms */
  readonly sleepMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error that names every setting that is none. */
export function settingsOf(env: Environment): Settings {
  const wrong: string[] = [];
  const whole = (key: string, otherwise: number, least: number, most: number): number => {
    const text = env[key] ?? String(otherwise);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      wrong.push(`${key} is "${text}"; it must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
  const url = env.METADATA_URL ?? "http://169.254.169.254";
  if (!/^http:\/\/[^/]+$/.test(url)) wrong.push(`METADATA_URL is "${url}"; it must be http://host or http://host:port`);
  const settings = {
    url,
    attempts: whole("ATTEMPTS", 1, 1, 100),
    backoffMs: whole("BACKOFF_MS", 1_000, 1, 60_000),
    timeoutMs: whole("TIMEOUT_MS", 5_000, 1, 60_000),
    sleepMs: whole("SLEEP_SECONDS", 0, 0, 300) * 1_000,
  };
  if (wrong.length > 0) throw new Error(wrong.join("; "));
  return settings;
}
