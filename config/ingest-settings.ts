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
  readonly sourcePassword: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  /** Rules of single mounts, by mount path. */
  readonly mounts: ReadonlyMap<string, IngestMount>;
  /** Where a SHOUTcast v1 source lands that names no mount: "/stream" in Icecast; ours comes from the station file. */
  readonly shoutcastMount: string;
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

/** What a mount has of its own; without a field the station's value holds. */
interface IngestMount {
  /** "source" unless set. */
  readonly username?: string;
  readonly password?: string;
  readonly graceMs?: number;
  /** "same-credentials" unless set. */
  readonly takeover?: Takeover;
}
