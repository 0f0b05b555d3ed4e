import type { StoredFile } from "../shared/edge-station.ts";
import { FileLoop } from "../shared/file-loop.ts";
import type { Title } from "../shared/mount-state.ts";
import type { SegmentRef } from "../shared/segment.ts";
import { fileSegmentKey } from "../shared/stored-file.ts";
import { millis } from "../shared/units.ts";
import { fileIndexes } from "./file-indexes.ts";
import { fileIndexRetryMs, fileWindowMs } from "./limits.ts";
import { type Host, loadSegment } from "./mount-feed.ts";
import type { LoadedSegment } from "./segment-cache.ts";
import { Bell } from "./sleepers.ts";
import type { Stage } from "./stage.ts";

/** A stored file in a loop, the same for all listeners. Off the air until its index has been read. */
class FileStage implements Stage {
  readonly name: string;
  readonly titleBefore: Title;
  readonly silentMs = 0;
  readonly patienceMs = 0;
  readonly bell = new Bell();
  readonly #file: StoredFile;
  #loop: FileLoop | null = null;
  #isMissing = false;
  #window: readonly SegmentRef[] = [];
  #windowUntilMs = 0;
  #edgeAtMs = 0;

  constructor(file: StoredFile) {
    this.name = `the file ${JSON.stringify(file.title)}`;
    this.titleBefore = { text: file.title };
    this.#file = file;
  }

  get phase(): "live" | "off" {
    return this.#loop ? "live" : "off";
  }

  get isCertain(): boolean {
    return this.#loop !== null || this.#isMissing;
  }

  /** The same array until there is something newer. */
  get window(): readonly SegmentRef[] {
    const now = Date.now();
    if (this.#loop && (now >= this.#windowUntilMs || now < this.#edgeAtMs)) {
      const { window, edgeAgeMs } = this.#loop.window(millis(now), fileWindowMs);
      this.#window = window;
      this.#edgeAtMs = now - edgeAgeMs;
      this.#windowUntilMs = now + this.#loop.nextInMs(millis(now));
    }
    return this.#window;
  }

  get edgeAgeMs(): number {
    return Date.now() - this.#edgeAtMs;
  }

  async refresh(host: Host): Promise<void> {
    if (this.#loop) return;
    const segments = await fileIndexes.segments(this.#file, host);
    if (segments) this.#loop = new FileLoop(segments);
    this.#isMissing = segments === null;
  }

  attend(host: Host): number {
    if (!this.#loop) {
      host.keepAlive(this.refresh(host).then(() => (this.#loop ? this.bell.ring() : undefined)));
      return fileIndexRetryMs;
    }
    return this.window.length > 0
      ? Math.max(1, Math.ceil(this.#windowUntilMs - Date.now()))
      : fileIndexRetryMs;
  }

  segment(ref: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    return loadStoredSegment(this.#file, ref, host);
  }
}

const stages = new Map<string, FileStage>();

/** This isolate's stage of a file. */
export function fileStageOf(file: StoredFile): Stage {
  // The same content may have two names.
  const name = `${file.id} ${file.title}`;
  const known = stages.get(name);
  if (known) return known;
  const stage = new FileStage(file);
  stages.set(name, stage);
  return stage;
}

export const loadStoredSegment = (
  file: StoredFile,
  ref: SegmentRef,
  host: Host,
): LoadedSegment | Promise<LoadedSegment | null> =>
  loadSegment(fileSegmentKey(file.id, ref.sequence), ref, host);
