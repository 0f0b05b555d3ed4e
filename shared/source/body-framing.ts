import { ProtocolError } from "../protocol-error.ts";
import { header, type RequestHead } from "./request-head.ts";

/** Where the body of a request ends. */
export type BodyFraming =
  | { readonly kind: "until-close" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

/**
 * How a request's body is framed. SOURCE and PUT without any length go on until the connection closes, which no
 * HTTP parser believes of a request (ffmpeg, butt, libshout). `Content-Length: 0` beside credentials goes on as
 * well: libshout 2.4.6 says 0 and streams; without credentials it is its challenge for a 401, and is empty.
 * Throws ProtocolError for a coding other than chunked.
 */
export function bodyFraming(head: Pick<RequestHead, "method" | "headers">): BodyFraming {
  const codings = head.headers.filter(({ name }) => name === "transfer-encoding").map(({ value }) => value);
  if (codings.length > 0) {
    if (codings.length === 1 && codings[0]?.toLowerCase() === "chunked") return { kind: "chunked" };
    throw new ProtocolError("expected Transfer-Encoding: chunked, got another coding");
  }
  const streams = head.method === "SOURCE" || head.method === "PUT";
  const length = header(head, "content-length");
  if (length === undefined) return streams ? { kind: "until-close" } : { kind: "length", bytes: 0 };
  const bytes = Number(length);
  if (streams && bytes === 0 && header(head, "authorization") !== undefined) return { kind: "until-close" };
  return { kind: "length", bytes };
}
