// Byte strings: every string inside the shell holds one byte (0 to 255) in each of its units, so that no text is ever
// decoded on its way through. Only names of files and texts of messages are Unicode outside; the change is made here.

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** How many units String.fromCharCode takes at a time. */
const RUN = 8192;

/** The byte string of some bytes. */
export function fromBytes(bytes: Uint8Array): string {
  if (bytes.length <= RUN) return String.fromCharCode(...bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at += RUN) text += String.fromCharCode(...bytes.subarray(at, at + RUN));
  return text;
}

/** The bytes of a byte string. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** Unicode text as the byte string of its UTF-8. */
export function encodeText(text: string): string {
  return isAscii(text) ? text : fromBytes(encoder.encode(text));
}

/** The Unicode text of a byte string that holds UTF-8, as names of files do. */
export function decodeText(text: string): string {
  return isAscii(text) ? text : decoder.decode(toBytes(text));
}

/** Joins pieces of bytes. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
