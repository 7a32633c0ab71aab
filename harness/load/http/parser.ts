/** Reads one HTTP/1.x response after the other from the bytes of a connection (RFC 9112). */

export class ProtocolError extends Error {}

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from("\r\n\r\n");
/** Longest head that is accepted, and longest line of a chunk's size. */
const MAX_HEAD_BYTES = 256 * 1024;
const MAX_SIZE_LINE_BYTES = 4096;

const IDLE = 0;
const HEAD = 1;
const LENGTH = 2;
const CHUNK_SIZE = 3;
const CHUNK_DATA = 4;
const CHUNK_END = 5;
const TRAILER = 6;
const UNTIL_CLOSE = 7;

/** Lower-case names of the headers that the client itself reads. */
export interface WantedHeader {
  readonly name: string;
  readonly firstChar: number;
}
export function wantedHeader(name: string): WantedHeader {
  const lower = name.toLowerCase();
  return { name: lower, firstChar: lower.charCodeAt(0) };
}

export class ResponseParser {
  status = 0;
  statusText = "";
  protocol: "HTTP/1.0" | "HTTP/1.1" = "HTTP/1.1";
  /** The head as it came, without the status line; parsed further only where a script asks. */
  headerBlock = "";
  /** Value of the wanted header, "" where it is absent. */
  wanted = "";
  /** The connection may carry a further request. */
  reusable = false;

  #state = IDLE;
  #isHead = false;
  #keepBody = true;
  #left = 0;
  #pending: Buffer | null = null;
  #body: Buffer[] = [];
  readonly #wantedHeader: WantedHeader;

  constructor(wanted: WantedHeader) {
    this.#wantedHeader = wanted;
  }

  /** Expects the response to a request with this method. */
  begin(method: string, keepBody: boolean): void {
    this.#state = HEAD;
    this.#isHead = method === "HEAD";
    this.#keepBody = keepBody;
    this.#pending = null;
    this.#body = [];
    this.wanted = "";
    this.reusable = false;
  }

  get body(): Buffer {
    const [first, second] = this.#body;
    if (first === undefined) return EMPTY;
    return second === undefined ? first : Buffer.concat(this.#body);
  }

  /** Head seen, body not complete yet. */
  get inBody(): boolean {
    return this.#state > HEAD;
  }

  /**
   * Takes bytes; `bytes` may be overwritten by the caller afterwards.
   * @returns true when the response is complete. @throws ProtocolError
   */
  push(bytes: Buffer): boolean {
    let data = bytes;
    if (this.#pending !== null) {
      data = Buffer.concat([this.#pending, bytes]);
      this.#pending = null;
    }
    let offset = 0;
    while (this.#state !== IDLE) {
      const next = this.#step(data, offset);
      if (next < 0) return false;
      offset = next;
    }
    if (offset < data.length) this.reusable = false;
    return true;
  }

  /** The peer closed. @returns true when that completes the response. */
  end(): boolean {
    if (this.#state !== UNTIL_CLOSE) return false;
    this.#state = IDLE;
    return true;
  }

  /** One step of the state machine: the new offset, or -1 when more bytes are needed. */
  #step(data: Buffer, offset: number): number {
    switch (this.#state) {
      case HEAD:
        return this.#readHead(data, offset);
      case LENGTH:
      case CHUNK_DATA:
        return this.#readData(data, offset);
      case CHUNK_SIZE:
        return this.#readChunkSize(data, offset);
      case CHUNK_END:
        return this.#readLine(data, offset, () => {
          this.#state = CHUNK_SIZE;
        });
      case TRAILER:
        return this.#readLine(data, offset, (line) => {
          if (line === "") this.#state = IDLE;
        });
      default:
        this.#keep(data, offset, data.length);
        return -1;
    }
  }

  #readHead(data: Buffer, offset: number): number {
    const end = data.indexOf(HEAD_END, offset);
    if (end < 0) {
      if (data.length - offset > MAX_HEAD_BYTES) throw new ProtocolError("response head longer than 256 KiB");
      return this.#remember(data, offset);
    }
    const head = data.toString("latin1", offset, end);
    const lineEnd = head.indexOf("\r\n");
    this.#readStatusLine(lineEnd < 0 ? head : head.slice(0, lineEnd));
    this.headerBlock = lineEnd < 0 ? "" : head.slice(lineEnd + 2);
    this.#readFraming();
    return end + 4;
  }

  #readStatusLine(line: string): void {
    const version = line.slice(0, 8);
    const status = Number(line.slice(9, 12));
    if ((version !== "HTTP/1.1" && version !== "HTTP/1.0") || !(status >= 100 && status <= 999)) {
      throw new ProtocolError(`not an HTTP/1.x status line: ${line.slice(0, 80)}`);
    }
    this.protocol = version;
    this.status = status;
    this.statusText = line.slice(13);
  }

  /** Decides from the headers how long the body is (RFC 9112, section 6.3). */
  #readFraming(): void {
    let contentLength = -1;
    let chunked = false;
    let keepAlive = this.protocol === "HTTP/1.1";
    const block = this.headerBlock;
    const wanted = this.#wantedHeader;
    for (let start = 0; start < block.length; ) {
      let end = block.indexOf("\r\n", start);
      if (end < 0) end = block.length;
      const first = block.charCodeAt(start) | 0x20;
      if (first === 0x63 || first === 0x74 || first === wanted.firstChar) {
        const colon = block.indexOf(":", start);
        const name = block.slice(start, colon).toLowerCase();
        if (name === "content-length") contentLength = readLength(block.slice(colon + 1, end));
        else if (name === "transfer-encoding") chunked = /\bchunked\s*$/i.test(block.slice(colon + 1, end));
        else if (name === "connection") keepAlive = keepAliveAfter(keepAlive, block.slice(colon + 1, end));
        else if (name === wanted.name) this.wanted = block.slice(colon + 1, end).trim();
      }
      start = end + 2;
    }
    if (this.status < 200 && this.status !== 101) return;
    this.reusable = keepAlive && this.status !== 101;
    if (this.#isHead || this.status === 204 || this.status === 304 || this.status === 101) this.#state = IDLE;
    else if (chunked) this.#state = CHUNK_SIZE;
    else if (contentLength >= 0) {
      this.#left = contentLength;
      this.#state = contentLength === 0 ? IDLE : LENGTH;
    } else {
      this.reusable = false;
      this.#state = UNTIL_CLOSE;
    }
  }

  #readData(data: Buffer, offset: number): number {
    const end = Math.min(data.length, offset + this.#left);
    this.#keep(data, offset, end);
    this.#left -= end - offset;
    if (this.#left > 0) return -1;
    this.#state = this.#state === LENGTH ? IDLE : CHUNK_END;
    return end;
  }

  #readChunkSize(data: Buffer, offset: number): number {
    return this.#readLine(data, offset, (line) => {
      const size = /^([0-9a-fA-F]{1,13})\s*(;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw new ProtocolError(`not a chunk size: ${line.slice(0, 80)}`);
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? TRAILER : CHUNK_DATA;
    });
  }

  #readLine(data: Buffer, offset: number, take: (line: string) => void): number {
    const end = data.indexOf("\r\n", offset, "latin1");
    if (end < 0) {
      if (data.length - offset > MAX_SIZE_LINE_BYTES) throw new ProtocolError("line in a chunked body too long");
      return this.#remember(data, offset);
    }
    take(data.toString("latin1", offset, end));
    return end + 2;
  }

  #remember(data: Buffer, offset: number): number {
    this.#pending = Buffer.from(data.subarray(offset));
    return -1;
  }

  #keep(data: Buffer, start: number, end: number): void {
    if (this.#keepBody && end > start) this.#body.push(Buffer.from(data.subarray(start, end)));
  }
}

function readLength(text: string): number {
  const trimmed = text.trim();
  if (!/^\d{1,15}$/.test(trimmed)) throw new ProtocolError(`not a content-length: ${trimmed.slice(0, 40)}`);
  return Number(trimmed);
}

function keepAliveAfter(before: boolean, value: string): boolean {
  if (/\bclose\b/i.test(value)) return false;
  return before || /\bkeep-alive\b/i.test(value);
}
