import type { Title } from "../../shared/mount-state.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { SourceInfo } from "../../shared/source/source-info.ts";
import type { MountPath } from "../../shared/units.ts";
import { knownStation, stationOf } from "../directory.ts";
import { feedOf, type Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { renewRosters } from "../roster/sessions.ts";
import { renewSeats } from "../seat-desk.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import type { Bell } from "../sleepers.ts";
import type { Home } from "../stage.ts";
import { libraryOf } from "../station.ts";
import { libraryStageOf, type LibraryStage } from "./library-stage.ts";
import { successorMs } from "./limits.ts";

/** A mount that plays a library. Its object is asked for nothing. */
export class LibraryMount implements Home {
  readonly mount: MountPath;
  readonly stage: LibraryStage;
  readonly silentMs = 0;
  readonly patienceMs = 0;
  readonly #library: string;
  /** Since when the settings say no longer that the library plays here. */
  #unwantedSinceMs: number | null = null;
  #isOver = false;

  constructor(mount: MountPath, library: string) {
    this.mount = mount;
    this.#library = library;
    this.stage = libraryStageOf(library);
  }

  get name(): string {
    return this.mount;
  }

  get source(): SourceInfo | null {
    const { play } = this.stage;
    return play && librarySource(play);
  }

  get phase(): "live" | "off" {
    return this.#isOver ? "off" : this.stage.phase;
  }

  get isCertain(): boolean {
    return this.stage.isCertain;
  }

  get window(): readonly SegmentRef[] {
    return this.stage.window;
  }

  get edgeAgeMs(): number {
    return this.stage.edgeAgeMs;
  }

  get titleBefore(): Title | null {
    return this.stage.titleBefore;
  }

  get bell(): Bell {
    return this.stage.bell;
  }

  refresh(host: Host): Promise<void> {
    this.#heed(host);
    return this.stage.refresh(host);
  }

  attend(host: Host): number {
    // Elsewhere this goes along with the questions to a mount.
    renewRosters(host);
    renewSeats(host);
    this.#heed(host);
    return this.stage.attend(host);
  }

  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    this.#heed(host);
    return this.stage.segment(ref, host);
  }

  /** Whoever listens here for days asks for nothing that brings the settings. */
  #heed(host: Host): void {
    if (this.stage.library.isDue) host.keepAlive(stationOf(host).catch(() => undefined));
    const library = libraryOf(knownStation(host.env), this.mount);
    if (library === this.#library) {
      this.#unwantedSinceMs = null;
      this.#isOver = false;
      return;
    }
    this.#unwantedSinceMs ??= Date.now();
    this.#isOver = library !== undefined || msSince(this.#unwantedSinceMs) >= successorMs;
    if (this.#isOver) return;
    // The source that is to play here instead takes a moment.
    const source = feedOf(this.mount);
    host.keepAlive(source.refresh(host));
    this.#isOver = source.phase !== "off";
  }
}

/** What a source of such a format would say; the settings say the rest. */
export const librarySource = ({
  sampleRate,
  channels,
}: {
  readonly sampleRate: number;
  readonly channels: number;
}): SourceInfo => ({
  audioInfo: `ice-samplerate=${sampleRate};ice-channels=${channels}`,
  contentType: "audio/mpeg",
  ip: "",
  protocol: "library",
});

const mounts = new Map<string, LibraryMount>();

/** This isolate's; names are those of the settings. */
export function libraryMountOf(mount: MountPath, library: string): LibraryMount {
  const name = `${library} ${mount}`;
  const known = mounts.get(name);
  if (known) return known;
  const made = new LibraryMount(mount, library);
  if (mounts.size >= maxMounts) mounts.clear();
  mounts.set(name, made);
  return made;
}

/** Patterns may name any mount. */
const maxMounts = 1_000;
