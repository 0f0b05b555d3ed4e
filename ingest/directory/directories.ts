import type { DirectorySettings, IngestMount } from "../../config/ingest-settings.ts";
import type { EdgeStation } from "../../shared/edge-station.ts";
import { settingsOfMount } from "../../shared/mount-pattern.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Log } from "../log.ts";
import type { SourceEvent, SourceOnAir } from "../source-events.ts";
import { directoryGoodbyeMs } from "../station-limits.ts";
import { encodeTarget } from "../target.ts";
import { Directory, type DirectoryClock } from "./directory.ts";
import { type ListedStream, plainAudioInfo, type StreamNow } from "./directory-call.ts";
import { type DirectoryPost, openDirectoryPost } from "./directory-client.ts";

/** What directories are told of the station, as it is now. */
export interface ListedStation {
  readonly hostname: string;
  /** The port of `hostname` where listeners come. */
  readonly port: number;
  readonly serverId: string;
  readonly mounts: EdgeStation["mounts"];
  readonly ingestMounts: ReadonlyMap<string, IngestMount>;
  /** What a directory is told where a mount has no limit of its own. */
  readonly maxListeners: number;
}

export interface DirectoriesOptions {
  readonly station: () => ListedStation;
  readonly log: Log;
  readonly clock?: DirectoryClock;
  readonly open?: (settings: DirectorySettings) => DirectoryPost;
}

const realTime: DirectoryClock = {
  now: Date.now,
  setTimeout: (work, ms) => setTimeout(work, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Tells every directory of the public streams of this host's sources. */
export class Directories {
  readonly #options: DirectoriesOptions;
  readonly #sources = new Map<MountPath, SourceOnAir>();
  readonly #directories = new Map<string, Directory>();

  constructor(options: DirectoriesOptions) {
    this.#options = options;
  }

  /** The directories of the station file; streams of sources on air are told to new ones, and to those that may have them now. */
  change(settings: readonly DirectorySettings[]): void {
    const wanted = new Map(settings.map((each) => [JSON.stringify(each), each]));
    for (const [key, directory] of this.#directories) {
      if (wanted.has(key)) continue;
      this.#directories.delete(key);
      void directory.stop(AbortSignal.timeout(directoryGoodbyeMs));
    }
    for (const [key, each] of wanted) {
      if (!this.#directories.has(key)) this.#directories.set(key, this.#open(each));
    }
    for (const [mount, source] of this.#sources) {
      const listed = this.#streamOf(source) !== null;
      for (const directory of this.#directories.values()) {
        if (!listed) directory.remove(mount);
        else if (!directory.has(mount)) directory.add(mount);
      }
    }
  }

  readonly take = (event: SourceEvent): void => {
    const { source } = event;
    const { mount } = source;
    const isCurrent = this.#sources.get(mount) === source;
    if (event.kind === "connected") {
      this.#sources.set(mount, source);
      for (const directory of this.#directories.values()) {
        if (this.#streamOf(source)) directory.add(mount);
        else directory.remove(mount);
      }
    } else if (event.kind === "title" && isCurrent) {
      for (const directory of this.#directories.values()) directory.retitle(mount);
    } else if (event.kind === "disconnected" && isCurrent) {
      this.#sources.delete(mount);
      for (const directory of this.#directories.values()) directory.remove(mount);
    }
  };

  /** Takes the streams off every list; resolves after `directoryGoodbyeMs` at most. */
  async stop(): Promise<void> {
    const signal = AbortSignal.timeout(directoryGoodbyeMs);
    await Promise.all([...this.#directories.values()].map((directory) => directory.stop(signal)));
    this.#directories.clear();
  }

  #open(settings: DirectorySettings): Directory {
    const { station, log, clock = realTime } = this.#options;
    const open = this.#options.open ?? ((each) => openDirectoryPost(each, () => station().serverId, log));
    return new Directory({
      name: new URL(settings.url).host,
      post: open(settings),
      touchMs: settings.touchMs,
      stream: (mount) => {
        const source = this.#sources.get(mount);
        return source ? this.#streamOf(source) : null;
      },
      now: (mount) => this.#nowOf(mount),
      clock,
      log,
    });
  }

  /** Null for a stream that is not public. Without a name Icecast tells its defaults, which directories refuse. */
  #streamOf({ mount, info }: SourceOnAir): ListedStream | null {
    const { hostname, port, mounts, ingestMounts } = this.#options.station();
    const rules = settingsOfMount(mounts, mount);
    const own = settingsOfMount(Object.fromEntries(ingestMounts), mount);
    if (!(rules?.public ?? info.public ?? false) || own?.noDirectory) return null;
    const said = rules?.stream;
    return {
      name: said?.name ?? info.name ?? "Unspecified name",
      genre: said?.genre ?? info.genre ?? "various",
      description: said?.description ?? info.description ?? "Unspecified description",
      url: said?.url ?? info.url ?? "",
      listenUrl: `http://${hostname}:${port}${encodeTarget({ path: mount.replace(/[?#%]/g, encodeURIComponent), query: "" })}`,
      contentType: info.contentType,
      subtype: said?.subtype ?? "",
      bitrate: said?.bitrate ?? info.bitrate ?? "",
      audioInfo: plainAudioInfo(info.audioInfo ?? ""),
    };
  }

  #nowOf(mount: MountPath): StreamNow {
    const { mounts, maxListeners } = this.#options.station();
    const source = this.#sources.get(mount);
    return {
      title: source?.title?.text ?? "",
      listeners: source?.listeners ?? 0,
      maxListeners: settingsOfMount(mounts, mount)?.maxListeners ?? maxListeners,
    };
  }
}
