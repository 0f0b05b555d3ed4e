import { createHash } from "node:crypto";
import { join } from "node:path";
import { atAddressOf } from "../config/edge-settings.ts";
import type { IngestSettings } from "../config/ingest-settings.ts";
import { mp3 } from "../shared/codec/mp3/mp3.ts";
import { verifyPassword } from "../shared/password-hash.ts";
import type { AutoDjReport } from "./autodj/auto-djs.ts";
import type { Time } from "./autodj/clock.ts";
import { BanFiles } from "./access/ban-files.ts";
import { MountCalls } from "./access/mount-calls.ts";
import { PasswordCheck } from "./access/password-check.ts";
import { type ServerIdentity, UrlAuth } from "./access/url-call.ts";
import { Connections } from "./connection.ts";
import { CredentialCheck } from "./credentials.ts";
import { CurrentSettings } from "./current-settings.ts";
import { Dumps } from "./dump/dumps.ts";
import { dumpStopMs } from "./dump/limits.ts";
import { EdgeClient } from "./edge-client.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import { Health } from "./health.ts";
import { shutdownDeliveryMs, shutdownPublishMs, shutdownReleaseMs } from "./limits.ts";
import type { Log } from "./log.ts";
import { MountPrograms } from "./mount-programs.ts";
import { Metrics } from "./metrics.ts";
import { MountTable } from "./mount-table.ts";
import { SegmentPublisher } from "./segment-publisher.ts";
import { S3SegmentStore } from "./segment-store.ts";
import { type Ports, Servers } from "./server.ts";
import { SourceIntake } from "./source-intake.ts";
import { SourceEvents } from "./source-events.ts";
import { Spool } from "./spool.ts";
import { Standstill } from "./standstill.ts";
import { StationPush, type StationToTell } from "./station-push.ts";
import { StationServices } from "./station-services.ts";
import { Webhooks } from "./webhooks.ts";

export interface IngestOptions {
  readonly settings: IngestSettings;
  /** What the edge is to be told of the station; absent when another process tells it. */
  readonly station?: StationToTell;
  readonly version: string;
  /** What AutoDJs go by, in a simulation. */
  readonly autodjTime?: Time;
  readonly log: Log;
}

/** The whole source side, from its ports to storage and edge. */
export class Ingest {
  readonly #settings: CurrentSettings;
  readonly #mounts: MountTable;
  readonly #spool: Spool;
  readonly #intake: SourceIntake;
  readonly #servers: Servers;
  readonly #push: StationPush;
  readonly #services: StationServices;
  readonly #eventLoop = new EventLoopDelay();
  readonly #standstill = new Standstill();
  /** What happens to the sources. */
  readonly events: SourceEvents;
  #station: StationToTell | undefined;
  #ports: Ports | undefined;
  readonly #bans: BanFiles;
  readonly #webhooks: Webhooks;
  readonly #calls: MountCalls;
  readonly #programs: MountPrograms;
  readonly #dumps: Dumps;
  readonly #log: Log;

  constructor({ settings, station, version, autodjTime, log }: IngestOptions) {
    const { edgeUrl, ingestToken, ingestId } = settings;
    const current = new CurrentSettings(settings);
    const store = new S3SegmentStore(settings.storage, { log });
    const edge = new EdgeClient(settings);
    const spool = new Spool({ folder: join(settings.dataDir, "spool"), log });
    const { extension, contentType } = mp3;
    const metrics = new Metrics({
      sources: () => mounts.sessions,
      queues: () => mounts.publishers,
      spool: () => spool.state,
      eventLoop: () => this.#eventLoop.lateness,
      sockets: () => this.connections,
      statsClients: () => services.statsClients,
      relays: () => services.relays,
      autodjs: () => services.autodjs,
      version,
    });
    const announcer = metrics.watchAnnouncer(edge);
    const mounts: MountTable = new MountTable(
      () => current.now.limits.sources,
      (mount) =>
        new SegmentPublisher({
          mount,
          extension,
          contentType,
          store: metrics.watchStore(store),
          announcer,
          spool,
          log: log.child({ mount }),
        }),
    );
    const events = new SourceEvents(log);
    const dumps = new Dumps({ settings: current, log });
    const intake = new SourceIntake({
      mounts,
      events,
      dumps,
      edge,
      codec: mp3,
      ingestId,
      get rules() {
        return current.now.mounts;
      },
      get limits() {
        return current.now.limits;
      },
      log,
    });
    const passwords = new PasswordCheck((password, hash) => verifyPassword(password, hash, md5));
    const urlAuth = new UrlAuth({ identity: () => this.#identity(), log });
    this.#bans = new BanFiles(current, log);
    this.#webhooks = new Webhooks({ settings: current, events, version, log });
    this.#calls = new MountCalls({ settings: current, events, urlAuth, log });
    this.#programs = new MountPrograms({ settings: current, events, log });
    const services: StationServices = new StationServices({
      settings: () => current.now,
      station: () => this.#station?.edge,
      mounts,
      intake,
      codec: mp3,
      events,
      metrics,
      passwords,
      version,
      autodjTime,
      log,
    });
    const connections = new Connections({
      services,
      standstill: this.#standstill,
      onWrongPassword: () => metrics.loginRefused(),
      credentials: new CredentialCheck({ settings: current, passwords, urlAuth }),
      intake,
      mounts,
      onAirElsewhere: (mount) => services.isOnAir(mount),
      health: new Health({
        edgeUrl,
        version,
        mounts,
        spool,
        eventLoop: this.#eventLoop,
        autodjs: () => services.autodjs,
      }),
      codec: mp3,
      edgeUrl,
      ingestToken,
      get headerTimeoutMs() {
        return current.now.limits.headerTimeoutMs;
      },
      log,
    });
    this.#settings = current;
    this.events = events;
    this.#dumps = dumps;
    this.#spool = spool;
    this.#services = services;
    this.#push = new StationPush({ edge, store, codec: mp3, log });
    this.#station = station;
    this.#mounts = mounts;
    this.#intake = intake;
    this.#log = log;
    this.#servers = new Servers({
      settings: {
        ...settings,
        get limits() {
          return current.now.limits;
        },
      },
      serve: (socket, secure) => connections.serve(socket, secure),
      serveShoutcast: (socket, secure) => connections.serveShoutcast(socket, secure),
      bans: this.#bans,
      log,
    });
  }

  /** As authentication servers know this one. */
  #identity(): ServerIdentity {
    const { hostname, serverId, port } = this.#settings.now;
    const { edge } = this.#station ?? {};
    return {
      hostname: hostname ?? edge?.hostname ?? "localhost",
      port: this.#ports?.port ?? port,
      serverId: serverId ?? edge?.serverId ?? "Icecast 2.4.4",
    };
  }

  /** Sockets open on all ports. */
  get connections(): number {
    return this.#servers.connections;
  }

  /** What this host plays by itself. */
  get autodjs(): readonly AutoDjReport[] {
    return this.#services.autodjs;
  }

  /** Segments of all mounts that wait to be published. */
  get waitingSegments(): number {
    let waiting = 0;
    for (const { queued } of this.#mounts.publishers.values()) waiting += queued.segments;
    return waiting;
  }

  /** File operations of the spool or of dumps are under way. */
  get diskIsBusy(): boolean {
    return this.#spool.isBusy || this.#dumps.isBusy;
  }

  /**
   * Goes on with what an earlier process left in the spool, and begins to take connections. The data folder is this
   * process's alone. Throws ConfigError when a port cannot be used.
   */
  async start(): Promise<Ports> {
    const left = await this.#spool.scan();
    await this.#bans.open();
    const ports = await this.#servers.listen();
    this.#ports = ports;
    // Not before the ports are ours: without them this process ends.
    for (const [mount, entries] of left) this.#mounts.publisher(mount).restore(entries);
    this.#log.info({ ...ports }, "listening for sources");
    this.#tellEdge();
    this.#services.start(Object.values(ports));
    return ports;
  }

  /**
   * Puts other settings in force, for whoever connects from now on. Those that need a restart stay as they are and
   * are logged.
   */
  change({ settings, station }: Pick<IngestOptions, "settings" | "station">): void {
    const held = this.#settings.change(settings);
    if (held.length > 0) this.#log.warn({ settings: held }, "changed settings that need a restart");
    this.#log.info("settings read again");
    if (station) {
      const before = this.#station?.edge;
      const moved = before !== undefined && held.includes("ingest.port");
      this.#station = moved ? { ...station, edge: atAddressOf(before, station.edge) } : station;
      this.#tellEdge();
    }
    this.#services.change();
    this.#dumps.change();
    void this.#bans.look();
    void this.#servers.renewCertificate();
  }

  /** Log files were moved away: what follows goes to new ones of their names. */
  reopenLogs(): void {
    this.#services.reopenLogs();
  }

  #tellEdge(): void {
    if (this.#station) this.#push.tell({ ...this.#station, secrets: this.#settings.now.edgeSecrets });
  }

  /**
   * Ends every source and publishes what it sent, then closes every connection. Resolves within
   * `shutdownPublishMs` + `shutdownReleaseMs` to the number of segments that are neither published nor in the spool.
   */
  async stop(): Promise<number> {
    // First, so that no source comes on air behind the list of those that are ended here.
    const refusing = this.#intake.stop();
    this.#push.stop();
    this.#servers.stopListening();
    const playing = this.#services.stopPlaying();
    const ending = this.#mounts.sessions.map((session) => session.end("the ingest is stopping"));
    // The sources' ends are the last that is told.
    const telling = Promise.all([
      this.#webhooks.stop(shutdownDeliveryMs),
      this.#calls.stop(shutdownDeliveryMs),
      this.#programs.stop(shutdownDeliveryMs),
    ]);
    const publishers = [...this.#mounts.publishers.values()];
    // While the last segments are published.
    const services = this.#services.stop();
    const dumps = this.#dumps.stop(dumpStopMs);
    await Promise.all([
      services,
      dumps,
      ...publishers.map((publisher) => publisher.finished(shutdownPublishMs)),
    ]);
    const stopping = publishers.map((publisher) => publisher.stop());
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, shutdownReleaseMs);
    await Promise.race([Promise.all([refusing, playing, telling, ...ending]), patience.promise]);
    clearTimeout(timer);
    let spooled = 0;
    let lost = 0;
    for (const left of await Promise.all(stopping)) {
      spooled += left.spooled;
      lost += left.lost;
    }
    this.#servers.destroyConnections();
    this.#bans.close();
    this.#eventLoop.stop();
    this.#standstill.stop();
    if (spooled > 0) this.#log.info({ segments: spooled }, "what waits for storage is in the spool");
    if (lost > 0) this.#log.error({ segments: lost }, "stopped before everything was published");
    return lost;
  }
}

/** Of the user files that Icecast wrote. */
const md5 = async (bytes: Uint8Array): Promise<Uint8Array> => createHash("md5").update(bytes).digest();
