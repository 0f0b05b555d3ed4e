import { setTimeout as sleep } from "node:timers/promises";
import type { AutoDjSettings } from "../../config/ingest-settings.ts";
import { MountPathError, mountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";
import { AutoDj, type AutoDjHost } from "./auto-dj.ts";
import { changeLookMs } from "./limits.ts";
import type { TrackAnalyser } from "./parts.ts";
import type { AutoDjState } from "./state-file.ts";

/** What is told of an AutoDJ to whoever looks after this host. */
export interface AutoDjReport {
  readonly mount: MountPath;
  readonly onAir: boolean;
  /** Title of what plays; null: silence, or nothing yet. */
  readonly playing: string | null;
  /** Files that were found, and those of them that are not played. */
  readonly files: number;
  readonly refused: number;
  /** Audio that has been read ahead, ms. */
  readonly aheadMs: number;
  /** Since the start: tracks that began, and silence in place of music. */
  readonly tracks: number;
  readonly silentMs: number;
}

/** An AutoDJ's mount, whatever its settings become. */
interface Place {
  running: AutoDj;
  /** Settings that are to be in force; null: it is to go. */
  wanted: AutoDjSettings | null;
  isChanging: boolean;
}

/** All AutoDJs of this host. */
export class AutoDjs {
  readonly #host: AutoDjHost;
  readonly #places = new Map<MountPath, Place>();
  /** By the loudness that they aim at. */
  readonly #analysers = new Map<number | null, TrackAnalyser>();
  /** Changes under way, also of places that are no more. */
  readonly #changes = new Set<Promise<void>>();
  #stopped = false;

  constructor(host: AutoDjHost) {
    this.#host = host;
  }

  get reports(): readonly AutoDjReport[] {
    return Array.from(this.#places.values(), ({ running }) => {
      const { mount, isOnAir, desk, tracks, silentMs } = running;
      return {
        mount,
        onAir: isOnAir,
        playing: desk?.playing?.title ?? null,
        files: desk?.music.count ?? 0,
        refused: desk?.music.refused.length ?? 0,
        aheadMs: Math.round(desk?.deck.aheadMs ?? 0),
        tracks,
        silentMs: Math.round(silentMs),
      };
    });
  }

  find(mount: MountPath): AutoDj | null {
    return this.#places.get(mount)?.running ?? null;
  }

  /** Starts what is new, ends what is no more, leaves alone what is as it was; what has changed changes when its track ends. */
  change(all: readonly AutoDjSettings[]): void {
    if (this.#stopped) return;
    const wanted = new Map<MountPath, AutoDjSettings>();
    for (const settings of all) {
      const mount = this.#mountOf(settings);
      if (mount !== null && !wanted.has(mount)) wanted.set(mount, settings);
    }
    for (const [mount, place] of this.#places) {
      place.wanted = wanted.get(mount) ?? null;
      wanted.delete(mount);
      if (!place.isChanging) this.#track(this.#follow(mount, place));
      // It does not play to its track's end for a successor that is not to come.
      else if (place.wanted === null) void place.running.stop(takenAway);
    }
    for (const [mount, settings] of wanted) {
      const running = this.#make(mount, settings);
      this.#places.set(mount, { running, wanted: settings, isChanging: false });
      running.start();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const ending = Array.from(this.#places.values(), ({ running }) => running.stop("the ingest is stopping"));
    await Promise.all([...ending, ...this.#changes]);
    await Promise.all(Array.from(this.#analysers.values(), (analyser) => analyser.stop()));
  }

  #track(change: Promise<void>): void {
    this.#changes.add(change);
    void change.finally(() => this.#changes.delete(change));
  }

  /** One at a time for each place, until what runs is what is wanted. */
  async #follow(mount: MountPath, place: Place): Promise<void> {
    place.isChanging = true;
    let tries = 0;
    while (!this.#stopped && !isSame(place.wanted, place.running.settings)) {
      const { wanted, running } = place;
      if (wanted === null) {
        this.#places.delete(mount);
        await running.stop(takenAway);
        return;
      }
      const state = running.desk?.state;
      const { tracks } = running;
      const next = this.#make(mount, wanted, state);
      // Meanwhile the present one plays, and it plays on when the next cannot.
      const opened = await this.#opened(next, () => isSame(place.wanted, wanted));
      if (opened && running.tracks !== tracks && ++tries < openTries) {
        // It would play again what has begun meanwhile.
        await next.stop("another track has begun");
        continue;
      }
      if (opened) await running.handOver();
      if (!opened || this.#stopped || place.wanted === null) {
        await next.stop("its settings have changed");
        // What cannot begin is not tried again until the settings change.
        if (this.#stopped || isSame(place.wanted, wanted)) break;
        continue;
      }
      if (running.desk) next.desk?.takeRequests(running.desk);
      place.running = next;
      next.start();
      // Its session is ended by the next one's; where none comes on air, it ends here.
      const untilMs = performance.now() + handOverMs;
      while (!next.isOnAir && !this.#stopped && performance.now() < untilMs) {
        await sleep(handOverLookMs, undefined, { ref: false });
      }
      await running.stop("the AutoDJ's settings have changed");
    }
    // In the turn in which it was seen that nothing more is to be done.
    place.isChanging = false;
  }

  /** Whether it is ready to play, before it has become pointless. */
  async #opened(next: AutoDj, isWanted: () => boolean): Promise<boolean> {
    const opening = next.open();
    for (;;) {
      const opened = await Promise.race([opening, sleep(changeLookMs, null, { ref: false })]);
      if (opened === false || (opened === true && next.desk?.isRead)) return opened;
      if (this.#stopped || !isWanted()) return false;
      if (opened) await sleep(changeLookMs, undefined, { ref: false });
    }
  }

  #make(mount: MountPath, settings: AutoDjSettings, state?: AutoDjState): AutoDj {
    const analyser = this.#analyser(settings.loudnessLufs);
    const given = { mount, settings, host: this.#host, analyser };
    return new AutoDj(state === undefined ? given : { ...given, state: withoutPlaying(state) });
  }

  #analyser(loudnessLufs: number | null): TrackAnalyser {
    const known = this.#analysers.get(loudnessLufs);
    if (known) return known;
    const analyser = this.#host.parts.analyser(loudnessLufs);
    this.#analysers.set(loudnessLufs, analyser);
    return analyser;
  }

  #mountOf({ mount }: AutoDjSettings): MountPath | null {
    try {
      return mountPath(mount);
    } catch (error) {
      if (!(error instanceof MountPathError)) throw error;
      this.#host.log.error({ mount, reason: error.message }, "an AutoDJ has no mount");
      return null;
    }
  }
}

const takenAway = "the AutoDJ was taken away";

/** So often it is opened anew because a track has begun meanwhile: once is the rule, for then all is known. */
const openTries = 3;
/** How long the session of one whose settings have changed is left to be taken over. */
const handOverMs = 3_000;
const handOverLookMs = 20;

/** What plays is played to its end by the one before. */
const withoutPlaying = (state: AutoDjState): AutoDjState => ({ ...state, playing: null });

const isSame = (a: AutoDjSettings | null, b: AutoDjSettings): boolean =>
  a !== null && JSON.stringify(a) === JSON.stringify(b);
