/** A check of XML's well-formedness, as strict as what the harness writes: tags, attributes, entities, characters. */

const TOKEN = /<\?xml [^<>]*\?>|<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w.-]+="[^"<]*")*)\s*(\/?)>|([^<>]+)/gy;
const BARE_AMPERSAND = /&(?!#\d+;|#x[0-9a-f]+;|(?:amp|lt|gt|quot|apos);)/i;

export function wellFormed(xml: string): boolean {
  if (!xml.isWellFormed() || BARE_AMPERSAND.test(xml) || ![...xml].every(isXmlCharacter)) return false;
  const open: string[] = [];
  let end = 0;
  let roots = 0;
  for (const token of xml.matchAll(TOKEN)) {
    end = token.index + token[0].length;
    const [, closing, name, , alone] = token;
    if (name === undefined) continue;
    if (closing === "/") {
      if (open.pop() !== name) return false;
      continue;
    }
    if (open.length === 0) roots++;
    if (alone !== "/") open.push(name);
  }
  return end === xml.length && open.length === 0 && roots === 1;
}

/** XML 1.0, production 2; lone surrogates are ruled out before. */
function isXmlCharacter(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code >= 0x20 ? code !== 0xfffe && code !== 0xffff : code === 0x9 || code === 0xa || code === 0xd;
}
