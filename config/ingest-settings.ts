import type { EdgeSecrets } from "../shared/edge-secrets.ts";
import type { Takeover } from "../shared/mount-state.ts";

/** Everything the ingest process needs to know, resolved from flags, environment, station file and data folder. */
export interface IngestSettings {
  /** Address to listen on: "127.0.0.1" unless the operator opens it. */
  readonly host: string;
  /** Sources, metadata updates and everything that is passed on to the edge. 0 takes a free port (tests). */
  readonly port: number;
  /** SHOUTcast v1 sources: `port` + 1. */
  readonly shoutcastPort: number;
  /** TLS twins of both ports; the files are PEM. */
  readonly tls?: {
    readonly port: number;
    readonly shoutcastPort: number;
    readonly certFile: string;
    readonly keyFile: string;
  };
  /** Where this host keeps what must outlive it. */
  readonly dataDir: string;
  /** Identity of this ingest host towards the edge, kept over restarts. */
  readonly ingestId: string;
  /** Base URL of the edge, without a trailing slash. */
  readonly edgeUrl: string;
  readonly ingestToken: string;
  readonly storage: {
    /** URL of the bucket in the S3 API, path style, without a trailing slash. */
    readonly bucketUrl: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** What this server is told to others as, in the questions to authentication servers: its public host name, and its name and version. */
  readonly hostname?: string;
  readonly serverId?: string;
  readonly sourcePassword: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  /** The station's: IANA name. UTC unless set. */
  readonly timeZone?: string;
  /** Told to the edge along with the station's settings. */
  readonly edgeSecrets: EdgeSecrets;
  /** Rules of single mounts, by mount path or pattern. */
  readonly mounts: ReadonlyMap<string, IngestMount>;
  /** Where a SHOUTcast v1 source lands that names no mount: "/stream" in Icecast; ours comes from the station file. */
  readonly shoutcastMount: string;
  readonly relays: readonly RelaySettings[];
  /** Of kind "ingest": those that the edge computes are rules of their mounts there. */
  readonly autodjs: readonly AutoDjSettings[];
  readonly master?: MasterSettings;
  readonly directories: readonly DirectorySettings[];
  readonly webhooks: readonly WebhookSettings[];
  readonly logs?: LogSettings;
  /** Folder whose files this host serves, absolute. */
  readonly webroot?: string;
  /** Files with one address per line, absolute: who may not come, and who alone may. */
  readonly denyFile?: string;
  readonly allowFile?: string;
  readonly limits: {
    /** Sources connected at once. */
    readonly sources: number;
    /** Sockets open at once on all ports together, listeners passed on included. */
    readonly connections: number;
    /** The same from one address. */
    readonly connectionsPerAddress: number;
    /** How long a head may take to arrive, ms. */
    readonly headerTimeoutMs: number;
    /** How long a source may stay silent, ms. */
    readonly sourceTimeoutMs: number;
    /** Target duration of a segment, ms. */
    readonly segmentMs: number;
    /** How far behind live a listener joins, ms. */
    readonly burstMs: number;
    /** How long listeners wait for a source that has gone, ms. */
    readonly graceMs: number;
  };
}

/** What a mount has of its own; without a field the station's value holds. Keys of `mounts` may be patterns (`shared/mount-pattern.ts`). */
export interface IngestMount {
  /** "source" unless set. */
  readonly username?: string;
  readonly password?: string;
  readonly graceMs?: number;
  /** "same-credentials" unless set. */
  readonly takeover?: Takeover;
  readonly sourceTimeoutMs?: number;
  /** People who may be its source at their times only. */
  readonly djs?: readonly DjAccount[];
  /** Asked instead of looking at passwords: `stream_auth` of Icecast's URL authentication. */
  readonly streamAuth?: UrlCall;
  /** Told when a source has come and when it has gone. */
  readonly mountAdd?: UrlCall;
  readonly mountRemove?: UrlCall;
  /** Programs on this host, started with the mount as their only argument. */
  readonly onConnect?: string;
  readonly onDisconnect?: string;
  /** Not told to directories. */
  readonly noDirectory?: boolean;
  /** A recording on this host: a path in which `shared/dump-path.ts` fills in fields; empty: none. */
  readonly dumpFile?: string;
  /** A file of it that would become larger ends before; 0: never. */
  readonly dumpRotateBytes?: number;
  /** A file of it ends at multiples of this from midnight; 0: never. */
  readonly dumpRotateMs?: number;
  /** Of its file names: IANA name. */
  readonly timeZone?: string;
}

/** An http or https URL that Icecast's URL authentication POSTs a form to. */
export interface UrlCall {
  readonly url: string;
  /** Sent as Basic credentials. */
  readonly username?: string;
  readonly password?: string;
}

export interface DjAccount {
  readonly name: string;
  /** `shared/password-hash.ts`. */
  readonly hash: string;
  /** Without any the account holds always. */
  readonly slots: readonly DjSlot[];
}

/** Every week at the same time; one that ends at or before its beginning goes past midnight. */
export interface DjSlot {
  /** ISO 8601: 1 is Monday. */
  readonly days: readonly number[];
  /** Minutes since midnight in `timeZone`. */
  readonly from: number;
  readonly to: number;
  /** IANA name. */
  readonly timeZone: string;
}

/** A stream of another server that this station takes over as if it were a source. */
export interface RelaySettings {
  /** http or https, with the path of the mount there; an Icecast, a SHOUTcast or another Skywave. */
  readonly url: string;
  readonly mount: string;
  readonly username?: string;
  readonly password?: string;
  /** Whether its titles are taken over. */
  readonly titles: boolean;
  /** Connects while somebody listens. */
  readonly onDemand: boolean;
}

/** A mount that this host itself is the source of: it plays files. */
export interface AutoDjSettings {
  readonly mount: string;
  readonly info: AutoDjInfo;
  /** At least one; names differ. */
  readonly rotations: readonly RotationSettings[];
  readonly jingles: readonly JingleSettings[];
  /** How often places are read again besides what watching tells. */
  readonly reloadMs: number;
  /** What all tracks are brought to; null: none is changed. */
  readonly loudnessLufs: number | null;
  /** Whether files of another format are encoded anew; else they are refused. */
  readonly transcode: boolean;
  /** Null: what most of the music has. */
  readonly format: { readonly sampleRate: number; readonly channels: 1 | 2 } | null;
  /** Of what is encoded anew. A format that is found may have lower ones only. */
  readonly bitrateKbps: number;
  /** Of the slots that name none, and of what it shows: IANA name. */
  readonly timeZone: string;
}

/** What a source says of its stream in its `ice-*` headers; absent: not said. */
interface AutoDjInfo {
  readonly name?: string;
  readonly description?: string;
  readonly genre?: string;
  readonly url?: string;
  readonly public?: boolean;
}

/** Where music is. */
export type MusicPlace =
  /** A folder, a list or a file; which of them is seen when it is read. `path` is absolute, `shown` as the operator wrote it. */
  | { readonly kind: "path"; readonly path: string; readonly shown: string }
  /** Objects of the station's bucket whose keys begin so. */
  | { readonly kind: "storage"; readonly prefix: string; readonly shown: string };

export type PlayOrder = "random" | "sequential";

export interface RotationSettings {
  /** "music" of an AutoDJ that has but one, or what the operator calls it. */
  readonly name: string;
  readonly places: readonly MusicPlace[];
  readonly order: PlayOrder;
  /** How many others play before a track comes again; fewer where there are fewer. */
  readonly memory: number;
  readonly weight: number;
  /** Without any it plays always. */
  readonly slots: readonly DjSlot[];
}

/** At least one of `everyTracks` and `everyMs` is there. */
export interface JingleSettings {
  readonly places: readonly MusicPlace[];
  readonly order: PlayOrder;
  readonly everyTracks?: number;
  readonly everyMs?: number;
  /** Without any it plays always. */
  readonly slots: readonly DjSlot[];
}

/** A server all of whose streams are relayed: Icecast's slave mode. */
export interface MasterSettings {
  /** Without a trailing slash. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly updateMs: number;
  readonly onDemand: boolean;
}

/** A directory that speaks Icecast's YP protocol. */
export interface DirectorySettings {
  readonly url: string;
  readonly timeoutMs: number;
  readonly touchMs: number;
}

export interface LogSettings {
  /** Absolute. */
  readonly folder: string;
  /** Names of files in the folder, absent: not written. */
  readonly access?: string;
  readonly playlist?: string;
  /** A file that has become so large is put aside: `.old`, or with a date where `archive` is set. */
  readonly maxBytes: number;
  readonly archive: boolean;
}

/** Where events of this host's sources are POSTed, signed as Standard Webhooks are. */
export interface WebhookSettings {
  readonly url: string;
  /** Base64 of 24 to 64 bytes, as the standard has it after `whsec_`. */
  readonly secret: string;
  readonly events: readonly WebhookEvent[];
  /** Only of these mounts (paths or patterns); absent: all. */
  readonly mounts?: readonly string[];
}
export type WebhookEvent = "source.connected" | "source.disconnected" | "title.changed";
