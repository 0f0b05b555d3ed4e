import { replyHeaders } from "./reply-headers.ts";

/** Error replies with the texts of Icecast 2.4.4 on the wire, which players and scripts match. */

export const fileNotFound = (): Response =>
  html(404, "File Not Found", "The file you requested could not be found");

/** There is such a mount, and its listener has no time left. */
export const mountUnavailable = (): Response => html(404, "File Not Found", "Mount unavailable");

export const badRequest = (message: string): Response => html(400, "Bad Request", message);

/** `message` is one of Icecast's: "max listeners reached", "Mountpoint in use". */
export const forbidden = (message: string): Response =>
  new Response(message, {
    status: 403,
    statusText: "Forbidden",
    headers: replyHeaders("text/plain; charset=utf-8"),
  });

/** Nobody can say now whether there is such a mount. Icecast has no such case; players try again. */
export const unavailable = (): Response =>
  new Response("try again\n", {
    status: 503,
    headers: { ...replyHeaders("text/plain; charset=utf-8"), "Retry-After": "2" },
  });

function html(status: number, statusText: string, message: string): Response {
  const body = `<html><head><title>Error ${status}</title></head><body><b>${status} - ${message}</b></body></html>\r\n`;
  return new Response(body, { status, statusText, headers: replyHeaders("text/html; charset=utf-8") });
}
