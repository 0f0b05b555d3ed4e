import { ProtocolError } from "./protocol-error.ts";

/** Base64url without padding (RFC 4648 §5): the hosts of this layer share no base64 of their own yet. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const valueOf = new Map(Array.from(alphabet, (character, value) => [character, value]));

const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
const ascii = new TextDecoder();

/** By bytes, not by growing a string: every segment's object carries some five hundred of them in its metadata. */
export function encodeBase64Url(bytes: Uint8Array): string {
  const { length } = bytes;
  const text = new Uint8Array(Math.ceil((length * 4) / 3));
  let to = 0;
  for (let at = 0; at < length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let shift = 18; shift >= 0 && to < text.length; shift -= 6)
      text[to++] = codes[(group >> shift) & 63] ?? 0;
  }
  return ascii.decode(text);
}

/** Throws ProtocolError on a character outside the alphabet or an impossible length. */
export function decodeBase64Url(text: string): Uint8Array {
  if (text.length % 4 === 1) throw new ProtocolError(`expected base64url, got ${text.length} characters`);
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = valueOf.get(character);
    if (value === undefined) throw new ProtocolError(`expected base64url, got ${JSON.stringify(character)}`);
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 0xff;
    }
  }
  return bytes;
}
