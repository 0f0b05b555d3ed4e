import { decodeBase64Url } from "../base64.ts";
import { decodeText } from "./text.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * The credentials of an `Authorization: Basic` header (RFC 7617), UTF-8 else Latin-1; the password may have
 * colons, Base64's padding may be missing. Null when there is no header, another scheme, or no Base64.
 */
export function parseBasicAuth(value: string | undefined): Credentials | null {
  const encoded = /^basic +([A-Za-z0-9+/]+)={0,2} *$/i.exec(value ?? "")?.[1];
  if (encoded === undefined || encoded.length % 4 === 1) return null;
  const text = decodeText(decodeBase64Url(encoded.replaceAll("+", "-").replaceAll("/", "_")));
  const colon = text.indexOf(":");
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
