import { readFileSync } from "node:fs";
import * as net from "node:net";
import * as tls from "node:tls";
import { ConfigError } from "../config/config-error.ts";
import type { IngestSettings } from "../config/ingest-settings.ts";
import { addressGroup } from "../shared/address-group.ts";
import { refusal } from "../shared/icecast-reply.ts";
import { millis } from "../shared/units.ts";
import { Certificate, type KeyPair } from "./certificate.ts";
import { finish, isOwnMachine, peerAddress } from "./client-socket.ts";
import { keepAliveMs, refusedConnections, refusedPerAddress, tellAgainMs, tlsHandshakeMs } from "./limits.ts";
import type { Log } from "./log.ts";

type Serve = (socket: net.Socket, secure: boolean) => Promise<void>;

export interface ServerOptions {
  readonly settings: Pick<IngestSettings, "host" | "port" | "shoutcastPort" | "tls"> & {
    readonly limits: Pick<
      IngestSettings["limits"],
      "connections" | "connectionsPerAddress" | "headerTimeoutMs"
    >;
  };
  readonly serve: Serve;
  readonly serveShoutcast: Serve;
  /** Whose connections are closed at once. */
  readonly bans: { refuses(address: string): boolean };
  readonly log: Log;
}

/** Ports as bound: interesting where 0 was asked for. */
export interface Ports {
  readonly port: number;
  readonly shoutcastPort: number;
  readonly tlsPort?: number;
  readonly tlsShoutcastPort?: number;
}

/** The listening sockets and every connection that came through them. */
export class Servers {
  readonly #options: ServerOptions;
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<net.Socket>();
  /** How many of them each address has. */
  readonly #ofAddress = new Map<string, number>();
  #certificate: Certificate | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Throws ConfigError when a port or the certificate cannot be used; nothing listens then. */
  async listen(): Promise<Ports> {
    const { settings, serve, serveShoutcast, log } = this.#options;
    try {
      const port = await this.#plain(settings.port, "--ingest-port", serve);
      const shoutcastPort = await this.#plain(
        settings.shoutcastPort,
        "--ingest-port, plus one,",
        serveShoutcast,
      );
      if (!settings.tls) return { port, shoutcastPort };
      const files = settings.tls;
      const pair = { cert: readPem(files.certFile), key: readPem(files.keyFile) };
      const secureServers: tls.Server[] = [];
      const twin = (wanted: number, use: Serve) => this.#secure(wanted, pair, use, secureServers);
      const tlsPort = await twin(settings.tls.port, serve);
      const tlsShoutcastPort = await twin(settings.tls.shoutcastPort, serveShoutcast);
      this.#certificate = new Certificate({ files, pair, servers: secureServers, log });
      this.#certificate.watch();
      return { port, shoutcastPort, tlsPort, tlsShoutcastPort };
    } catch (error) {
      this.stopListening();
      throw error;
    }
  }

  /** Whoever connects from now on gets the certificate as its files have it. */
  async renewCertificate(): Promise<void> {
    await this.#certificate?.look();
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    this.#certificate?.close();
    for (const server of this.#servers) server.close();
  }

  /** Ends every connection at once. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #plain(port: number, flag: string, serve: Serve): Promise<number> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    server.on("connection", (socket) => this.#admit(socket, () => serve(socket, false)));
    return this.#listen(server, port, flag);
  }

  #secure(port: number, secure: KeyPair, serve: Serve, made: tls.Server[]): Promise<number> {
    let server: tls.Server;
    try {
      server = tls.createServer({
        ...secure,
        allowHalfOpen: true,
        noDelay: true,
        handshakeTimeout: Math.min(tlsHandshakeMs, this.#options.settings.limits.headerTimeoutMs),
      });
    } catch (error) {
      throw new ConfigError([`[ingest.tls] the certificate or key cannot be used: ${messageOf(error)}`]);
    }
    made.push(server);
    // Counted from the first packet, so that handshakes that never end are bounded too.
    server.on("connection", (socket) => this.#count(socket));
    server.on("secureConnection", (socket) => this.#admit(socket, () => serve(socket, true)));
    server.on("tlsClientError", (_, socket) => socket.destroy());
    return this.#listen(server, port, "[ingest.tls] port");
  }

  async #listen(server: net.Server, port: number, flag: string): Promise<number> {
    const { log, settings } = this.#options;
    const { host } = settings;
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject);
    server.once("listening", () => {
      server.off("error", listening.reject);
      // Of one connection, as a rule: no descriptor was left for it.
      server.on("error", (error) => log.error({ port, reason: error.message }, "taking connections failed"));
    });
    server.listen({ host, port }, listening.resolve);
    try {
      await listening.promise;
    } catch (error) {
      throw new ConfigError([`cannot listen on ${host}:${port} (${flag}): ${listenProblem(error)}`]);
    }
    this.#servers.push(server);
    const address = server.address();
    return typeof address === "object" && address ? address.port : port;
  }

  #count(socket: net.Socket): void {
    socket.on("error", () => undefined);
    // This machine's supervisor must see how its ingest is, whatever a list says.
    if (!isOwnMachine(socket) && this.#options.bans.refuses(peerAddress(socket))) {
      socket.destroy();
      return;
    }
    socket.setKeepAlive(true, keepAliveMs);
    const address = addressGroup(peerAddress(socket));
    const held = (this.#ofAddress.get(address) ?? 0) + 1;
    this.#ofAddress.set(address, held);
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const left = (this.#ofAddress.get(address) ?? 0) - 1;
      if (left > 0) this.#ofAddress.set(address, left);
      else this.#ofAddress.delete(address);
    });
    const { connections, connectionsPerAddress } = this.#options.settings.limits;
    if (this.#sockets.size > connections + refusedConnections) socket.destroy();
    if (held > connectionsPerAddress + refusedPerAddress) socket.destroy();
  }

  #admit(socket: net.Socket, serve: () => Promise<void>): void {
    // Of a TLS socket too, which is another than the one that was counted: a reset must not end the process.
    socket.on("error", () => undefined);
    if (!(socket instanceof tls.TLSSocket)) this.#count(socket);
    if (socket.destroyed) return;
    if (this.#isOverLimit(socket)) {
      return finish(socket, refusal("too-many-connections", millis(Date.now())));
    }
    void serve();
  }

  #isOverLimit(socket: net.Socket): boolean {
    const { connections, connectionsPerAddress } = this.#options.settings.limits;
    if (this.#sockets.size > connections) return true;
    const address = addressGroup(peerAddress(socket));
    if ((this.#ofAddress.get(address) ?? 0) <= connectionsPerAddress) return false;
    const now = performance.now();
    if (now - this.#toldMs > tellAgainMs) {
      this.#toldMs = now;
      this.#options.log.warn(
        { client: address, connectionsPerAddress },
        "too many connections of one address",
      );
    }
    return true;
  }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError([`[ingest.tls] ${file} cannot be read: ${messageOf(error)}`]);
  }
}

function listenProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "EADDRINUSE") return "another program uses this port; stop it or choose another port";
  if (code === "EACCES") return "this user may not use this port; choose one above 1023";
  if (code === "EADDRNOTAVAIL") return "this machine does not have that address (--host)";
  return messageOf(error);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
