import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Log } from "../log.ts";
import type { MountTable } from "../mount-table.ts";
import type { SourceSession } from "../source-session.ts";
import { PieceSizes, SampleClock, type Time } from "./clock.ts";
import type { Desk } from "./desk.ts";
import { arrivalLookMs, arrivalMs, behindMs, catchUpMs, leadMs, pieceMs, saveMs } from "./limits.ts";
import type { ReadyTrack } from "./upcoming.ts";

export interface PlayerOptions {
  readonly mount: MountPath;
  readonly settings: Pick<AutoDjSettings, "info" | "rotations" | "jingles">;
  readonly host: {
    readonly mounts: Pick<MountTable, "entering">;
    readonly stationName: () => string;
    readonly segmentMs: () => number;
  };
  readonly time: Time;
  readonly log: Log;
}

/** Puts what lies on an AutoDJ's desk into its session, in real time: pieces that are due by the count of their samples. */
export class Player {
  readonly #options: PlayerOptions;
  #isToldIdle = false;
  #savedMs = 0;
  #silentMs = 0;
  #tracks = 0;

  constructor(options: PlayerOptions) {
    this.#options = options;
  }

  /** Silence that went out because nothing was ready to play, ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Tracks that it began. */
  get tracks(): number {
    return this.#tracks;
  }

  /** Until the mount is lost (`over`), or `goesOn` no more. */
  async play(
    session: SourceSession,
    desk: Desk,
    { over, goesOn }: { readonly over: AbortSignal; readonly goesOn: () => boolean },
  ): Promise<void> {
    const { time, host, mount, log } = this.#options;
    const segmentMs = host.segmentMs();
    const sizesOf = (format: Desk["format"]) => new PieceSizes({ segmentMs, pieceMs, ...format });
    let { format } = desk;
    let sizes = sizesOf(format);
    const clock = new SampleClock(time.now() - aheadMsAfter(session.gapMs));
    this.#isToldIdle = false;
    while (!over.aborted && !session.hasEnded && goesOn()) {
      const lateMs = time.now() - clock.dueMs;
      if (lateMs < 0) {
        await time.wait(Math.ceil(-lateMs), over);
        continue;
      }
      // Behind what was published for its sake nobody would hear it.
      if (lateMs < arrivalMs && host.mounts.entering(mount) !== null) {
        await time.wait(arrivalLookMs, over);
        continue;
      }
      if (lateMs > behindMs) {
        log.warn({ lateMs: Math.round(lateMs) }, "an AutoDJ was not let play for a while");
        clock.restart(time.now() - leadMs);
      }
      if (desk.format !== format) sizes = sizesOf((format = desk.format));
      this.#push(session, desk, { frames: sizes.next(), clock });
    }
  }

  #push(
    session: SourceSession,
    desk: Desk,
    { frames, clock }: { readonly frames: number; readonly clock: SampleClock },
  ): void {
    let left = frames;
    let begun = false;
    for (const part of desk.deck.take(frames)) {
      if (part.begins) this.#begin(session, part.begins);
      begun ||= part.begins !== undefined;
      session.push(part.bytes);
      clock.add(part.samples, part.sampleRate);
      left -= part.frames;
    }
    // Behind its last track comes its successor's first.
    if (left > 0 && !desk.deck.isOver) {
      const { silence, samplesPerFrame, sampleRate } = desk.format;
      if (desk.isIdle) this.#tellIdle(session);
      session.push(repeated(silence, left));
      clock.add(left * samplesPerFrame, sampleRate);
      this.#silentMs += (left * samplesPerFrame * 1000) / sampleRate;
    }
    const now = performance.now();
    if (!begun && now - this.#savedMs < saveMs) return;
    this.#savedMs = now;
    desk.save();
  }

  #begin(session: SourceSession, { pick, file, plan }: ReadyTrack): void {
    const { log } = this.#options;
    this.#tracks++;
    if (this.#isToldIdle) log.info("there is music again");
    this.#isToldIdle = false;
    log.info({ file: file.name, kind: pick.kind, rotation: pick.rotation }, "the AutoDJ plays");
    session.setTitle({ text: plan.title });
  }

  #tellIdle(session: SourceSession): void {
    if (this.#isToldIdle) return;
    this.#isToldIdle = true;
    const { settings, host, log } = this.#options;
    const shown = [...settings.rotations, ...settings.jingles].flatMap(({ places }) =>
      places.map((place) => place.shown),
    );
    log.warn({ music: shown }, "an AutoDJ has nothing to play: it is silent until there is music");
    session.setTitle({ text: settings.info.name ?? host.stationName() });
  }
}

/**
 * How far ahead of its time a stream begins. Those who listened to the source before get what they missed, and no more: it would
 * be so much more with each source that comes and goes.
 */
function aheadMsAfter(gapMs: number | null): number {
  if (gapMs === null) return leadMs;
  return gapMs <= catchUpMs ? gapMs : 0;
}

function repeated(frame: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(frame.length * count);
  for (let index = 0; index < count; index++) bytes.set(frame, index * frame.length);
  return bytes;
}
