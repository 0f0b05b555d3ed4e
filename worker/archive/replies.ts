import { concatenate } from "../../shared/concatenate.ts";
import { replyHeaders } from "../reply-headers.ts";
import { conditionOf } from "./conditions.ts";

/** A reply that says why, for whoever typed the address. */
export const refusal = (status: 400 | 404, message: string): Response =>
  new Response(`${message}\n`, { status, headers: replyHeaders("text/plain; charset=utf-8") });

/** A document made for this request; who has it already is told so. */
export async function document(
  request: Request,
  body: string,
  {
    contentType,
    lastModifiedMs,
    cache,
  }: Readonly<Record<"contentType" | "cache", string>> & {
    readonly lastModifiedMs: number;
  },
): Promise<Response> {
  const version = { etag: await etagOf(body), lastModifiedMs: wholeSeconds(lastModifiedMs) };
  const headers = {
    ETag: version.etag,
    "Last-Modified": new Date(version.lastModifiedMs).toUTCString(),
    "Cache-Control": cache,
    "X-Content-Type-Options": "nosniff",
  };
  const condition = conditionOf(request.headers, version);
  if (condition === "unchanged") return new Response(null, { status: 304, headers });
  if (condition === "failed") return new Response("the document is another one\n", { status: 412 });
  return new Response(body, { headers: { ...headers, "Content-Type": contentType } });
}

/** A strong one: another for other content. */
export async function etagOf(content: string, bytes?: Uint8Array): Promise<string> {
  const all = concatenate([new TextEncoder().encode(content), bytes ?? new Uint8Array(0)]);
  const digest = await crypto.subtle.digest("SHA-256", all);
  const hex = Array.from(new Uint8Array(digest, 0, 12), (byte) => byte.toString(16).padStart(2, "0"));
  return `"${hex.join("")}"`;
}

/** As HTTP dates are, and never later than now. */
export const wholeSeconds = (ms: number): number => Math.floor(Math.min(ms, Date.now()) / 1_000) * 1_000;

/** Content-Disposition (RFC 6266), with a name that every client reads before the true one. */
export function disposition(kind: "inline" | "attachment", name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
