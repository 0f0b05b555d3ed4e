import type { AutoDjSettings } from "../../../config/ingest-settings.ts";
import type { Parts, Reader } from "../../../ingest/autodj/parts.ts";
import { TrackError } from "../../../ingest/autodj/track-error.ts";
import type { Analysis, TrackFile, TrackPlan } from "../../../ingest/autodj/track.ts";
import { frames } from "../running-ingest.ts";

/** What a file of a made-up collection is: so many frames, or a reason why it is none. */
export type FakeTrack = number | string;

/** A collection in memory: files by name, that may change at any time. */
export class FakeMusic {
  readonly #tracks = new Map<string, FakeTrack>();
  readonly #listeners = new Set<() => void>();
  /** Files that were opened, with the frame. */
  readonly opened: string[] = [];
  /** Frames at which files turn out to have been written to. */
  readonly broken = new Map<string, number>();
  /** When its places have been read for the first time. */
  read: Promise<void> = Promise.resolve();
  /** Names whose analysis waits until it is let go. */
  readonly held = new Map<string, PromiseWithResolvers<void>>();

  constructor(tracks: Readonly<Record<string, FakeTrack>> = {}) {
    for (const [name, track] of Object.entries(tracks)) this.#tracks.set(name, track);
  }

  set(name: string, track: FakeTrack | null): void {
    if (track === null) this.#tracks.delete(name);
    else this.#tracks.set(name, track);
    for (const listener of this.#listeners) listener();
  }

  /** Holds a file's analysis up until the promise that is given back is resolved. */
  hold(name: string): PromiseWithResolvers<void> {
    const holding = Promise.withResolvers<void>();
    this.held.set(name, holding);
    return holding;
  }

  readonly parts: Parts = {
    sources: () => {
      const listTracks = () => this.#files();
      return {
        start: () => this.read,
        get files() {
          return listTracks();
        },
        onChange: (listener) => this.#listeners.add(listener),
        stop: () => undefined,
      };
    },
    analyser: () => ({
      analyse: async (file) => {
        await this.held.get(file.name)?.promise;
        return this.#analysis(file);
      },
      known: (file) => this.#analysis(file),
      transcoded: async () => Promise.reject(new Error("nothing is encoded here")),
      stop: () => undefined,
    }),
    openTrack: async (path, plan, atFrame = 0) => {
      this.opened.push(`${path}@${atFrame}`);
      return readerOf(plan, atFrame, this.broken.get(path));
    },
  };

  #files(): TrackFile[] {
    return [...this.#tracks].map(([name, track]) => ({
      id: `file:/music/${name}`,
      version: `${track}`,
      name,
      path: async () => name,
    }));
  }

  #analysis({ name }: TrackFile): Analysis {
    const track = this.#tracks.get(name);
    if (typeof track !== "number") return { kind: "refused", reason: track ?? "is gone" };
    return { kind: "plays", plan: planOf(name, track) };
  }
}

export const samplesPerFrame = 1152;
export const sampleRate = 44_100;

const planOf = (name: string, count: number): TrackPlan => ({
  title: name.replace(/\.mp3$/, ""),
  format: { key: "mpeg1/3/44100/2", sampleRate, channels: 2 },
  firstFrame: 0,
  frames: count,
  samplesPerFrame,
  gainSteps: 0,
  bitrateKbps: 128,
});

/** Frames numbered as the track's are. */
function readerOf(plan: TrackPlan, atFrame: number, brokenAt = Infinity): Reader {
  let frame = atFrame;
  return {
    get frame() {
      return frame;
    },
    read: async () => {
      if (frame >= brokenAt) throw new TrackError("was changed while it played");
      const count = Math.min(38, plan.frames - frame, brokenAt - frame);
      if (count <= 0) return null;
      // No number is 0, which is silence.
      const bytes = frames(count, frame + 1);
      frame += count;
      return { bytes };
    },
    close: () => undefined,
  };
}

export const settingsOf = (overrides: Partial<AutoDjSettings> = {}): AutoDjSettings => ({
  mount: "/autodj.mp3",
  info: { name: "Test FM" },
  rotations: [{ name: "music", places: [], order: "sequential", memory: 0, weight: 1, slots: [] }],
  jingles: [],
  reloadMs: 3_600_000,
  loudnessLufs: null,
  transcode: true,
  format: { sampleRate, channels: 2 },
  bitrateKbps: 192,
  timeZone: "UTC",
  ...overrides,
});
