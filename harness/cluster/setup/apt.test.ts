import { describe, expect, test } from "vitest";
import { aptCommands, type ConsentFacts, consent, refusal } from "./apt.ts";
import { mirrorIn } from "./debian.ts";
import { enginePackages } from "./engine.ts";
import { parseRelease } from "./machine.ts";

const bookworm = parseRelease('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n');
const fedora = parseRelease('PRETTY_NAME="Fedora Linux 44"\nID=fedora\nVERSION_CODENAME=""\n');

describe("consent to system packages", () => {
  const root: ConsentFacts = { isRoot: true, release: bookworm, yes: false, isTerminal: true };
  test.each<[string, Partial<ConsentFacts>, string]>([
    ["root with --yes", { yes: true, isTerminal: false }, "granted"],
    ["root on a terminal", {}, "ask"],
    ["root with neither", { isTerminal: false }, "refused"],
    ["no root, even with --yes", { isRoot: false, yes: true }, "refused"],
    ["no Debian, even with --yes", { release: fedora, yes: true }, "refused"],
  ])("%s", (_, facts, kind) => {
    expect(consent({ ...root, ...facts }).kind).toBe(kind);
  });

  test("a refusal says why and hands over the exact commands", () => {
    const answer = consent({ ...root, release: fedora });
    const error = refusal(answer.kind === "refused" ? answer.because : "", ["apt-get install mmdebstrap"]);
    expect(error.code).toBe("setup");
    expect(error.message).toContain("Fedora Linux 44 is neither Debian nor Ubuntu");
    expect(error.message).toContain("\n  apt-get install mmdebstrap");
  });
});

describe("the engine's packages", () => {
  test.each([
    ["Debian 12 with its own lists", bookworm, "20.10.24+dfsg1-1+deb12u1", "trixie"],
    ["Debian 12 before any list was fetched", bookworm, undefined, "trixie"],
    ["Debian 13", parseRelease("ID=debian\nVERSION_CODENAME=trixie"), "26.1.5+dfsg1-9", undefined],
    [
      "Debian 12 whose libc6 came from 13",
      parseRelease("ID=debian\nVERSION_CODENAME=trixie"),
      "20.10.24+dfsg1",
      "trixie",
    ],
    ["Ubuntu", parseRelease("ID=ubuntu\nVERSION_CODENAME=noble"), "28.2.2-0ubuntu1", undefined],
  ])("%s", (_, release, candidate, suite) => {
    expect(enginePackages({ release, candidate, hasClient: true }).suite).toBe(suite);
  });

  test("another suite has lists of its own and leaves the machine's sources alone", () => {
    const { update, install } = aptCommands({ packages: ["docker.io"], suite: "trixie" });
    for (const command of [update, install]) {
      expect(command.join(" ")).toContain("Dir::Etc::sourceparts=/dev/null");
      expect(command.join(" ")).toMatch(/Dir::State::lists=\S+apt-trixie\/lists/);
    }
    expect(install.at(-1)).toBe("docker.io");
  });
});

describe("the machine's mirror", () => {
  test.each([
    ["Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm", "http://mirror.example/debian"],
    [
      "# deb http://old.example/debian x\ndeb [arch=amd64] https://a.example/debian bookworm main",
      "https://a.example/debian",
    ],
    ["deb https://packages.example/apt stable main", undefined],
  ])("%j", (sources, expected) => {
    expect(mirrorIn(sources)).toBe(expected);
  });
});
