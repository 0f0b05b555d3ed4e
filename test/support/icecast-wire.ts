/** Replies of the source port. `*` stands for the values of Server and Date: see `normal`. */

export const accepted = "HTTP/1.0 200 OK\r\n\r\n";
export const continued = `HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n${accepted}`;
export const ok2 = "OK2\r\nicy-caps:11\r\n\r\n";

/** The line of Basic credentials. */
export const basic = (user: string, pw: string): string =>
  `Authorization: Basic ${Buffer.from(`${user}:${pw}`).toString("base64")}\r\n`;

/** A reply of Icecast 2.4.4 as it stood on the wire, but for the values of Server and Date. */
function icecast(status: string, type: string, body: string, more = "", length = ""): string {
  return (
    `HTTP/1.0 ${status}\r\nServer: *\r\nConnection: Close\r\nDate: *\r\nContent-Type: ${type}; charset=utf-8\r\n` +
    `${more}Cache-Control: no-cache, no-store\r\nExpires: Mon, 26 Jul 1997 05:00:00 GMT\r\nPragma: no-cache\r\n` +
    `Access-Control-Allow-Origin: *\r\n${length}\r\n${body}`
  );
}
const challenge = 'WWW-Authenticate: Basic realm="Icecast2 Server"\r\n';

export const unauthorized = icecast(
  "401 Authentication Required",
  "text/plain",
  "You need to authenticate\r\n",
  challenge,
);
export const forbidden = (text: string) => icecast("403 Forbidden", "text/plain", text);
export const badRequest = (text: string) =>
  icecast(
    "400 Bad Request",
    "text/html",
    `<html><head><title>Error 400</title></head><body><b>400 - ${text}</b></body></html>\r\n`,
  );
export const iceResponse = (text: string, result: 0 | 1) => {
  const body = `<?xml version="1.0"?>\n<iceresponse><message>${text}</message><return>${result}</return></iceresponse>\n`;
  return icecast("200 OK", "text/xml", body, "", `Content-Length: ${body.length}\r\n`);
};
export const updated = iceResponse("Metadata update successful", 1);
export const cgiUpdated = icecast(
  "200 OK",
  "text/html",
  "<html><head><title>Admin request successful</title></head><body><p>Metadata update successful</p></body></html>",
);
/** A reply without the values of those two headers; every byte is a character. */
export const normal = (reply: string | Buffer) =>
  reply.toString("latin1").replace(/^(Server|Date): [^\r]+/gm, "$1: *");
