import type { Millis } from "./units.ts";

/**
 * Replies of the source port, byte for byte as Icecast 2.4.4 writes them but for `Server` and `Date`: sources
 * compare strings (darkice insists on `HTTP/1.0 200`, butt looks for "401"). Always HTTP/1.0 with `Connection:
 * Close`; libshout goes on using a connection whose reply says neither.
 */

const encoder = new TextEncoder();

/**
 * The stream may begin: exactly 19 bytes, no headers. With `expectContinue` the 100 that the source waits for goes
 * first and the 200 follows at once, 63 bytes in all.
 */
export function sourceAccepted(expectContinue: boolean): Uint8Array {
  const interim = expectContinue ? "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" : "";
  return encoder.encode(`${interim}HTTP/1.0 200 OK\r\n\r\n`);
}

/** A SHOUTcast v1 source's password was right: 20 bytes, sent before its headers come. */
export function shoutcastAccepted(): Uint8Array {
  return encoder.encode("OK2\r\nicy-caps:11\r\n\r\n");
}

const refusals = {
  "mount-in-use": [403, "Mountpoint in use"],
  "no-content-type": [403, "No Content-type given"],
  "too-many-sources": [403, "too many sources connected"],
  "too-many-connections": [403, "Icecast connection limit reached"],
  "unknown-request": [400, "unknown request"],
  "missing-parameter": [400, "Missing parameter"],
  "missing-pass": [400, "missing pass parameter"],
  "no-such-action": [400, "No such action"],
  "no-such-source": [400, "Source does not exist"],
  "unknown-admin-request": [400, "Unknown admin request"],
  "unrecognised-command": [400, "Unrecognised command"],
  "not-found": [404, "The file you requested could not be found"],
} as const satisfies Record<string, readonly [ErrorStatus, string]>;

/** The refusals that Icecast has words for. libshout takes 403 as final: none of these may stand for a passing trouble. */
export type Refusal = keyof typeof refusals;

export function refusal(kind: Refusal, now: Millis): Uint8Array {
  const [status, message] = refusals[kind];
  return errorReply(status, message, now);
}

/** 401, which libshout's sources ask for first, before they show a password. */
export function unauthorized(now: Millis): Uint8Array {
  const challenge = 'WWW-Authenticate: Basic realm="Icecast2 Server"\r\n';
  return reply("401 Authentication Required", "text/plain", "You need to authenticate\r\n", now, challenge);
}

/** Icecast's words, and after them what would have been taken. */
export function unsupportedContentType(supported: readonly string[], now: Millis): Uint8Array {
  return errorReply(403, `Content-type not supported (send one of: ${supported.join(", ")})`, now);
}

const reasons = {
  400: "Bad Request",
  403: "Forbidden",
  404: "File Not Found",
  413: "Request Entity Too Large",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
} as const;

export type ErrorStatus = keyof typeof reasons;

/** Any other error, in Icecast's form for that status: 403 plain text without a newline, the others HTML. */
export function errorReply(status: ErrorStatus, message: string, now: Millis): Uint8Array {
  const line = `${status} ${reasons[status]}`;
  if (status === 403) return reply(line, "text/plain", message, now);
  const title = `<head><title>Error ${status}</title></head>`;
  const body = `<body><b>${status} - ${escapeMarkup(message)}</b></body>`;
  return reply(line, "text/html", `<html>${title}${body}</html>\r\n`, now);
}

/** The answer of `/admin/metadata`: done, or (with status 200 as well) not. */
export function iceResponse(message: string, done: boolean, now: Millis): Uint8Array {
  const result = `<message>${escapeMarkup(message)}</message><return>${done ? 1 : 0}</return>`;
  const body = `<?xml version="1.0"?>\n<iceresponse>${result}</iceresponse>\n`;
  return reply("200 OK", "text/xml", body, now, "", `Content-Length: ${encoder.encode(body).length}\r\n`);
}

/** The answer of `/admin.cgi` to an update that was made. */
export function adminCgiResponse(message: string, now: Millis): Uint8Array {
  const head = "<head><title>Admin request successful</title></head>";
  return reply(
    "200 OK",
    "text/html",
    `<html>${head}<body><p>${escapeMarkup(message)}</p></body></html>`,
    now,
  );
}

/** Header lines in Icecast's order; `challenge` and `length` are whole lines that only some replies have. */
function reply(
  status: string,
  contentType: string,
  body: string,
  now: Millis,
  challenge = "",
  length = "",
): Uint8Array {
  return encoder.encode(
    `HTTP/1.0 ${status}\r\nServer: Skywave\r\nConnection: Close\r\nDate: ${httpDate(now)}\r\n` +
      `Content-Type: ${contentType}; charset=utf-8\r\n${challenge}Cache-Control: no-cache, no-store\r\n` +
      "Expires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\nAccess-Control-Allow-Origin: *\r\n" +
      `${length}\r\n${body}`,
  );
}

const weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Sat, 21 Nov 2026 00:12:08 GMT" (RFC 9110 §5.6.7), for times since 1970. */
export function httpDate(now: Millis): string {
  const seconds = Math.floor(now / 1000);
  const days = Math.floor(seconds / 86_400);
  // Days to a date of the Gregorian calendar, in years that begin in March so that leap days come last
  // (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = (marchMonth + 2) % 12;
  const year = yearOfEra + era * 400 + (month < 2 ? 1 : 0);
  const time = [seconds / 3600, seconds / 60, seconds].map((value, index) =>
    twoDigits(Math.floor(value) % (index === 0 ? 24 : 60)),
  );
  return `${weekdays[days % 7]}, ${twoDigits(day)} ${months[month]} ${year} ${time.join(":")} GMT`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

function escapeMarkup(text: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character);
}
