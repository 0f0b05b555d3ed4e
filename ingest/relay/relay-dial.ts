import { BlockList, connect, isIP, type Socket } from "node:net";
import * as tls from "node:tls";
import { readUntil } from "../client-socket.ts";
import { relayHeadLimits, relayHeadMs, relayRedirects } from "../station-limits.ts";
import { type ReplyHead, ReplyHeadParser, replyHeader } from "./reply-head.ts";
import type { Relay } from "./relay-settings.ts";

/** The stream cannot be had now; the message is for the log and has no credentials. */
export class RelayError extends Error {
  override readonly name = "RelayError";
}

export interface DialOptions {
  readonly userAgent: string;
  /** Ports of this machine on which the station itself answers. */
  readonly ownPorts: readonly number[];
  readonly signal: AbortSignal;
  readonly headMs?: number;
}

/** A stream that begins: `rest` is what of it came with the head. The socket is paused, and the caller's. */
export interface Dialled {
  readonly socket: Socket;
  readonly head: ReplyHead;
  readonly rest: Uint8Array;
}

/**
 * Asks for a stream as Icecast's relays do, following redirects. Rejects with RelayError. Credentials go to the server
 * they were given for and nowhere else; a server out in the world cannot redirect into this machine's own network.
 */
export async function dial(
  relay: Pick<Relay, "url" | "username" | "password">,
  options: DialOptions,
): Promise<Dialled> {
  const first = new URL(relay.url);
  let url = first;
  let beganPrivate: boolean | null = null;
  for (let hop = 0; hop <= relayRedirects; hop++) {
    const socket = await open(url, options);
    const reply = await ask(socket, url, relay, first, options, beganPrivate).catch((error: unknown) => {
      socket.destroy();
      throw error;
    });
    beganPrivate ??= isPrivateAddress(socket.remoteAddress ?? "");
    if (reply.head.status < 300 || reply.head.status > 399) {
      if (reply.head.status === 200) return { socket, ...reply };
      socket.destroy();
      throw new RelayError(`the server answered ${reply.head.status}`);
    }
    socket.destroy();
    url = redirected(url, replyHeader(reply.head, "location"));
  }
  throw new RelayError(`more than ${relayRedirects} redirects`);
}

async function ask(
  socket: Socket,
  url: URL,
  login: Pick<Relay, "username" | "password">,
  first: URL,
  options: DialOptions,
  beganPrivate: boolean | null,
): Promise<Omit<Dialled, "socket">> {
  if (isOwn(socket, options.ownPorts)) throw new RelayError("the stream is one of this station");
  if (beganPrivate === false && isPrivateAddress(socket.remoteAddress ?? "")) {
    throw new RelayError("the server redirects into a private network");
  }
  socket.write(requestFor(url, url.origin === first.origin ? login : {}, options.userAgent));
  const parser = new ReplyHeadParser(relayHeadLimits);
  const head = await readUntil(socket, (chunk) => parser.push(chunk), options.headMs ?? relayHeadMs).catch(
    (error: unknown) => {
      throw new RelayError(error instanceof Error ? error.message : String(error));
    },
  );
  if (head === null) throw new RelayError(options.signal.aborted ? "given up" : "no answer");
  return { head, rest: parser.rest };
}

function redirected(from: URL, location: string | undefined): URL {
  const url = location === undefined ? null : URL.parse(location, from.href);
  if (url === null) throw new RelayError("a redirect without a usable address");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new RelayError(`a redirect to ${url.protocol}`);
  return url;
}

/** As Icecast 2.4.4's slave.c, in its order. Titles are asked for always: what is not wanted is taken out here. */
function requestFor(
  url: URL,
  { username, password }: Pick<Relay, "username" | "password">,
  userAgent: string,
): string {
  const login =
    password === undefined
      ? ""
      : `Authorization: Basic ${Buffer.from(`${username ?? "relay"}:${password}`).toString("base64")}\r\n`;
  return (
    `GET ${url.pathname}${url.search} HTTP/1.0\r\nUser-Agent: ${userAgent}\r\nHost: ${url.host}\r\n` +
    `Icy-MetaData: 1\r\n${login}\r\n`
  );
}

function open(url: URL, { signal, headMs = relayHeadMs }: DialOptions): Promise<Socket> {
  const secure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const to = { host, port: Number(url.port || (secure ? 443 : 80)), noDelay: true };
  return new Promise((resolve, reject) => {
    // A name is checked against the certificate, an address has no server name to send.
    const socket = secure
      ? tls.connect({ ...to, ...(isIP(host) === 0 ? { servername: host } : {}) })
      : connect(to);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    const fail = (reason: string) => {
      settle();
      socket.destroy();
      reject(new RelayError(reason));
    };
    const abort = () => socket.destroy(new Error("given up"));
    const timer = setTimeout(() => fail("no connection in time"), headMs);
    // Stays for good: a reset may come in any phase, and the close that follows is what is acted on.
    socket.on("error", (error: Error & { code?: string }) =>
      fail(error.message || error.code || "no connection"),
    );
    socket.once(secure ? "secureConnect" : "connect", () => {
      settle();
      socket.pause();
      // Whoever has the socket ends it; a stop ends it too.
      const end = () => socket.destroy();
      signal.addEventListener("abort", end, { once: true });
      socket.once("close", () => signal.removeEventListener("abort", end));
      if (signal.aborted) fail("given up");
      else resolve(socket);
    });
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** Both ends of a connection to oneself have one address. */
function isOwn(socket: Socket, ports: readonly number[]): boolean {
  return socket.remoteAddress === socket.localAddress && ports.includes(socket.remotePort ?? 0);
}

const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  privateNetworks.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  privateNetworks.addSubnet(network, prefix, "ipv6");
}

/** Loopback, link-local, private use (RFC 1918, RFC 4193, RFC 6598). */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(plain);
  return family !== 0 && privateNetworks.check(plain, family === 6 ? "ipv6" : "ipv4");
}
