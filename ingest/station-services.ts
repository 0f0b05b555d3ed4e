import type { Socket } from "node:net";
import type { IngestSettings } from "../config/ingest-settings.ts";
import type { Codec } from "../shared/codec/codec.ts";
import { type EdgeStation, edgeStationSchema } from "../shared/edge-station.ts";
import type { Role } from "../shared/edge-secrets.ts";
import { errorReply, unauthorized } from "../shared/icecast-reply.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import { parseBasicAuth } from "../shared/source/basic-auth.ts";
import { header, type RequestHead } from "../shared/source/request-head.ts";
import { settingsOfMount } from "../shared/mount-pattern.ts";
import { millis, type MountPath } from "../shared/units.ts";
import { type AutoDjReport, AutoDjs } from "./autodj/auto-djs.ts";
import { AutoDjCommands, isAutoDjPath } from "./autodj/commands.ts";
import type { Time } from "./autodj/clock.ts";
import { realParts } from "./autodj/real-parts.ts";
import { rulesOfMount } from "./access/mount-rules.ts";
import type { PasswordCheck } from "./access/password-check.ts";
import { finish, peerAddress } from "./client-socket.ts";
import { Directories } from "./directory/directories.ts";
import type { Log } from "./log.ts";
import { StationLogs } from "./logs/station-logs.ts";
import type { Metrics } from "./metrics.ts";
import type { MountTable } from "./mount-table.ts";
import type { RelayHost } from "./relay/relay-runner.ts";
import { Relays } from "./relay/relays.ts";
import type { SourceEvents } from "./source-events.ts";
import { stationLogin } from "./station-login.ts";
import { StationQuestions } from "./stats/station-statistics.ts";
import { StatsStream } from "./stats/stats-stream.ts";
import type { SplitTarget } from "./target.ts";
import { Webroot } from "./webroot.ts";

export interface StationServicesOptions extends Pick<RelayHost, "intake"> {
  readonly codec: Pick<Codec, "contentType" | "sourceContentTypes">;
  /** In force now. */
  readonly settings: () => IngestSettings;
  /** What the edge is told of the station; undefined where another process tells it. */
  readonly station: () => EdgeStation | undefined;
  readonly mounts: MountTable;
  readonly events: SourceEvents;
  readonly metrics: Metrics;
  readonly passwords: Pick<PasswordCheck, "matches">;
  readonly version: string;
  /** What AutoDJs go by, in a simulation. */
  readonly autodjTime?: Time | undefined;
  readonly log: Log;
}

/** A request whose head has been read; the socket is paused. */
export interface StationRequest {
  readonly socket: Socket;
  readonly head: RequestHead;
  readonly target: SplitTarget;
  /** What came after the head. */
  readonly rest: Uint8Array;
}

/** "wrong-login": it showed credentials that open nothing, and is to get the refusal that such logins get. */
export type StationAnswer = "answered" | "not-ours" | "wrong-login";

/** Who may read figures. */
const readers: readonly Role[] = ["operator", "viewer"];
const defaultStation = edgeStationSchema.parse({});

/** What this host does for the station besides taking sources: relays, AutoDJs, directories, statistics, logs, files. */
export class StationServices {
  readonly #options: StationServicesOptions;
  readonly #relays: Relays;
  readonly #autodjs: AutoDjs;
  readonly #autodjCommands: AutoDjCommands;
  readonly #directories: Directories;
  readonly #logs: StationLogs;
  readonly #stats: StatsStream;
  readonly #webroot: Webroot;
  readonly #questions: StationQuestions;
  readonly #unsubscribe: (() => void)[] = [];
  #ports: readonly number[] = [];

  constructor(options: StationServicesOptions) {
    const { settings, mounts, metrics, log, version } = options;
    const station = () => options.station() ?? defaultStation;
    const questions = new StationQuestions(settings());
    const statistics = () => questions.statistics();
    this.#options = options;
    this.#questions = questions;
    const userAgent = `Skywave/${version}`;
    this.#relays = new Relays({
      ...options,
      sourceTimeoutMs: (mount) =>
        rulesOfMount(settings().mounts, mount).sourceTimeoutMs ?? settings().limits.sourceTimeoutMs,
      ownPorts: () => [...this.#ports, ...edgePort(settings())],
      userAgent,
      statistics,
      listenersOnAir: (mount) => mounts.session(mount)?.listeners ?? null,
    });
    this.#autodjs = new AutoDjs({
      ...options,
      parts: realParts(settings, log),
      stationName: () => station().name,
      segmentMs: () => settings().limits.segmentMs,
      dataDir: settings().dataDir,
      userAgent,
      ...(options.autodjTime && { time: options.autodjTime }),
    });
    const { passwords } = options;
    this.#autodjCommands = new AutoDjCommands({ autodjs: this.#autodjs, settings, passwords });
    this.#directories = new Directories({
      station: () => ({
        hostname: station().hostname,
        port: this.#ports[0] ?? settings().port,
        serverId: station().serverId,
        mounts: station().mounts,
        ingestMounts: settings().mounts,
        maxListeners: station().maxListenersInAll ?? settings().limits.connections,
      }),
      log,
    });
    this.#logs = new StationLogs({
      settings: () => settings().logs,
      dataDir: settings().dataDir,
      records: (after) => questions.records(after),
      log,
    });
    this.#stats = new StatsStream({ statistics, log });
    this.#webroot = new Webroot({
      folder: () => settings().webroot,
      isMount: (path) => mounts.isHeld(path as MountPath),
      headers: () => station().headers,
      aliases: () => station().aliases,
    });
    for (const take of [metrics.take, this.#directories.take, this.#logs.take]) {
      this.#unsubscribe.push(options.events.subscribe(take));
    }
  }

  /** Mounts that are relayed, and whether each relay's stream is on air. */
  get relays(): readonly (readonly [MountPath, boolean])[] {
    return this.#relays.states;
  }

  get autodjs(): readonly AutoDjReport[] {
    return this.#autodjs.reports;
  }

  /** Whether it is shown to nobody who need not know of it. */
  isHidden(mount: MountPath): boolean {
    return settingsOfMount((this.#options.station() ?? defaultStation).mounts, mount)?.hidden === true;
  }

  /** Whether a mount has a source, on whatever host; false too when the edge does not tell. */
  async isOnAir(mount: MountPath): Promise<boolean> {
    const statistics = await this.#questions.statistics().catch(() => null);
    return statistics !== null && Object.hasOwn(statistics.sources, mount);
  }

  get statsClients(): number {
    return this.#stats.clients;
  }

  /** `ports`: of this host, listeners' first. */
  start(ports: readonly number[]): void {
    this.#ports = ports;
    this.#logs.start();
    this.change();
  }

  /** The settings have changed. */
  change(): void {
    const { relays, autodjs, master, directories } = this.#options.settings();
    this.#relays.change({ relays, master });
    this.#autodjs.change(autodjs);
    this.#directories.change(directories);
  }

  /** Log files were moved away. */
  reopenLogs(): void {
    this.#logs.reopen();
  }

  /** No relay and no AutoDJ comes on air any more; to be called before the sources are ended. */
  async stopPlaying(): Promise<void> {
    await Promise.all([this.#autodjs.stop(), this.#relays.stop()]);
  }

  /** When the sources have gone. Takes a second and a half at most. */
  async stop(): Promise<void> {
    this.#stats.stop();
    await this.#directories.stop();
    await this.#logs.stop();
    for (const end of this.#unsubscribe) end();
  }

  /** Answers what is this host's to answer for the station; may wait for a relay that the request is for. */
  async answer(request: StationRequest): Promise<StationAnswer> {
    const { socket, head, target } = request;
    if (head.method === "STATS") return this.#guarded(request, () => this.#stats.serve(socket));
    if (isAutoDjPath(target.path)) {
      return this.#asksOfLibrary(request) ? "not-ours" : this.#autodjCommands.answer(request);
    }
    if (head.method !== "GET" && head.method !== "HEAD") return "not-ours";
    if (target.path === "/metrics") {
      return this.#guarded(request, () => this.#serveMetrics(socket, head.method === "HEAD"));
    }
    const mount = mountOf(target.path);
    // Before a file of its name: what is relayed on demand is a mount when it is asked for.
    if (mount !== null && head.method === "GET") await this.#relays.summon(mount);
    return (await this.#webroot.serve(socket, head, target.path)) ? "answered" : "not-ours";
  }

  /** What a library plays the edge knows. */
  #asksOfLibrary({ head, target }: StationRequest): boolean {
    const mount = mountOf(new URLSearchParams(target.query).get("mount") ?? "");
    if (mount === null || (head.method !== "GET" && head.method !== "HEAD")) return false;
    const { mounts } = this.#options.station() ?? defaultStation;
    return settingsOfMount(mounts, mount)?.autodj !== undefined;
  }

  async #guarded({ socket, head }: StationRequest, serve: () => Promise<void>): Promise<StationAnswer> {
    const now = millis(Date.now());
    const shown = parseBasicAuth(header(head, "authorization"));
    if (shown === null) {
      finish(socket, unauthorized(now));
      return "answered";
    }
    const { adminUser, adminPassword, edgeSecrets } = this.#options.settings();
    const station = { adminUser, adminPassword, users: edgeSecrets.users };
    const login = await stationLogin(shown, peerAddress(socket), readers, station, this.#options.passwords);
    if (login === "wrong") return "wrong-login";
    if (login === "busy") finish(socket, errorReply(503, "too many logins at the same time, try again", now));
    else await serve();
    return "answered";
  }

  async #serveMetrics(socket: Socket, headOnly: boolean): Promise<void> {
    const { metrics } = this.#options;
    const body = Buffer.from(await metrics.text());
    const head =
      `HTTP/1.0 200 OK\r\nServer: Skywave\r\nConnection: Close\r\nContent-Type: ${metrics.contentType}\r\n` +
      `Cache-Control: no-store\r\nContent-Length: ${body.length}\r\n\r\n`;
    finish(socket, headOnly ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]));
  }
}

/** A relay of the station's own edge would feed its mount with what the mount's listeners get, silence in the end. */
function edgePort({ edgeUrl, host }: Pick<IngestSettings, "edgeUrl" | "host">): number[] {
  const { hostname, port, protocol } = new URL(edgeUrl);
  const isHere = ["localhost", "127.0.0.1", "[::1]", host].includes(hostname);
  return isHere ? [Number(port || (protocol === "https:" ? 443 : 80))] : [];
}

function mountOf(path: string): MountPath | null {
  try {
    return parseMountPath(path);
  } catch (error) {
    if (error instanceof MountPathError) return null;
    throw error;
  }
}
