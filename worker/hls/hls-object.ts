import { DurableObject } from "cloudflare:workers";
import { encodeBase64Url } from "../../shared/base64.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { HlsPlayer, type HlsStage, titleAtStart } from "../../shared/hls-player.ts";
import {
  append,
  continues,
  emptied,
  emptyTimeline,
  type HlsContent,
  type HlsEntry,
  type HlsTimeline,
  targetSecondsOf,
} from "../../shared/hls-timeline.ts";
import { isThere } from "../../shared/playout.ts";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import type { MountPath } from "../../shared/units.ts";
import { knownStation, stationOf } from "../directory.ts";
import type { Env } from "../env.ts";
import { segmentReadTimeoutMs } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { msSince } from "../ms-since.ts";
import { type Programme, programmeOf } from "../programme.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import { settledWithin } from "../settled-within.ts";
import { silence } from "../silence.ts";
import type { Stage } from "../stage.ts";
import { Waiters } from "../waiters.ts";
import { HlsSessions, type Touch } from "./hls-sessions.ts";
import { firstEntryWaitMs, holdMs, lookMs, playlistMs, staleTimelineMs, timelineLimits } from "./limits.ts";
import { primerSamples } from "./packed-segment.ts";
import { newKey } from "./token.ts";

export interface HlsQuestion {
  readonly mount: MountPath;
  readonly hostname: string;
  /** Number of the newest entry that the asker has; -1: none. */
  readonly after: number;
  /** Hold the question up to this long until there is a newer one; 0 answers at once. */
  readonly waitMs: number;
  /** Who has asked the asker for something since its last question. */
  readonly touches: readonly Touch[];
}

export interface HlsAnswer extends Omit<HlsTimeline, "format"> {
  /** Entries after `after`; all that are kept where it is not among them. `breaksBefore` counts up to `oldest`. */
  readonly entries: readonly HlsEntry[];
  readonly oldest: number;
  /** There is nothing left to hear. */
  readonly isEnded: boolean;
  /** Of the mount's tokens; null: nobody ever had one. */
  readonly key: string | null;
  /** Of those who were touched: who was ended by an administrator or has listened long enough... */
  readonly refused: readonly string[];
  /** ...and who has to enter again. */
  readonly unknown: readonly string[];
}

interface StoredTimeline {
  readonly timeline: HlsTimeline;
  readonly writtenMs: number;
}

const timelineKey = "timeline";
const tokenKey = "key";

/**
 * What the HLS listeners of one mount hear, and who they are: it plays the mount as one listener while there are any
 * (`shared/hls-player.ts`), writes down what is played under numbers that never go back, and tells the isolates that serve playlists.
 * Its listeners are counted, listed and ended as listeners of the isolate that it runs in.
 */
export class HlsObject extends DurableObject<Env> {
  #timeline: HlsTimeline;
  /** When the last entry was written, of `Date.now()`. */
  #writtenMs: number;
  /** Only where somebody was let in: asking for a name stores nothing. */
  #key: string | null;
  readonly #waiting = new Waiters();
  readonly #sessions = new HlsSessions();
  #isRunning = false;
  #isEnded = false;
  #host: Host;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { kv } = ctx.storage;
    const stored = kv.get<StoredTimeline>(timelineKey);
    this.#timeline = stored?.timeline ?? emptyTimeline(targetSecondsOf(2_000));
    this.#writtenMs = stored?.writtenMs ?? 0;
    this.#key = kv.get<string>(tokenKey) ?? null;
    this.#host = { env, hostname: "localhost", keepAlive: (work) => ctx.waitUntil(work) };
  }

  async timeline(question: HlsQuestion): Promise<HlsAnswer> {
    const { mount, hostname, after, waitMs, touches } = question;
    this.#host = { ...this.#host, hostname };
    const { refused, unknown } = this.#sessions.touch(touches, Date.now());
    if (this.#sessions.size > 0) this.#run(mount);
    const deadline = Date.now() + Math.min(waitMs, holdMs);
    while (this.#isRunning && this.#timeline.next <= after + 1 && Date.now() < deadline) {
      await this.#waiting.wait(deadline - Date.now());
    }
    const { entries, next } = this.#timeline;
    const oldest = next - entries.length;
    const from = after >= oldest && after < next ? after + 1 : oldest;
    return {
      next,
      oldest,
      entries: entries.slice(from - oldest),
      breaksBefore: this.#timeline.breaksBefore,
      targetSeconds: this.#timeline.targetSeconds,
      isEnded: this.#isEnded,
      key: this.#key,
      refused,
      unknown,
    };
  }

  /**
   * Takes a place for a listener under the id, as for one who asks for the mount's stream: for how long its login is good, ms; the
   * reply to it where there is no place. `trustedUntilMs`: it was let in before, until then, and is only forgotten. Comes back
   * when there is something to hear.
   */
  async enter(
    mount: MountPath,
    id: string,
    request: Request,
    trustedUntilMs: number | null,
  ): Promise<number | Response> {
    this.#host = { ...this.#host, hostname: new URL(request.url).hostname };
    const entered = await this.#sessions.enter(id, { mount, request, trustedUntilMs }, this.#host);
    if (entered instanceof Response) return entered;
    if (this.#key === null) {
      this.#key = newKey();
      this.ctx.storage.kv.put(tokenKey, this.#key);
    }
    this.#run(mount);
    const deadline = Date.now() + firstEntryWaitMs;
    while (this.#isRunning && this.#timeline.entries.length === 0 && Date.now() < deadline) {
      await this.#waiting.wait(deadline - Date.now());
    }
    return entered;
  }

  #run(mount: MountPath): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#isEnded = false;
    if (msSince(this.#writtenMs) > staleTimelineMs) {
      // What segments last is the station's; what nobody hears any more had a target of its own.
      const { segmentMs } = knownStation(this.env);
      this.#timeline = emptied(this.#timeline, targetSecondsOf(segmentMs));
      this.#store();
    }
    this.ctx.waitUntil(
      this.#play(mount).finally(() => {
        this.#isRunning = false;
        this.#waiting.wake();
      }),
    );
  }

  /** Until nobody listens any more. */
  async #play(mount: MountPath): Promise<void> {
    let station = await stationOf(this.#host);
    let programme = programmeOf(mount, station);
    await Promise.all(programme.stages.map((stage) => stage.refresh(this.#host)));
    const player = new HlsPlayer(programme, this.#timeline.targetSeconds, Date.now());
    while (this.#sessions.size > 0) {
      const known = knownStation(this.env);
      if (known !== station) {
        station = known;
        const changed = programmeOf(mount, station);
        if (!isSame(changed, programme)) player.moveTo(changed.rules, changed.first);
        programme = changed;
      }
      if (!(await this.#goesOn(programme, player))) {
        this.#isEnded = true;
        this.#sessions.leaveAll();
      }
      this.#sessions.expire(this.#timeline.targetSeconds, Date.now());
    }
  }

  /** What fails is tried again: those who listen hold places, which only this gives back. */
  async #goesOn(programme: Programme, player: HlsPlayer): Promise<boolean> {
    try {
      return await this.#step(programme, player);
    } catch (error) {
      console.warn("hls playback failed", String(error));
      await scheduler.wait(lookMs);
      return true;
    }
  }

  /** One entry more, or some time later; false when there is nothing left to play. */
  async #step({ stages }: Programme, player: HlsPlayer): Promise<boolean> {
    await this.#look(stages, player.stage);
    const now = Date.now();
    const decision = player.next(now, views(stages), this.#timeline, playlistMs);
    switch (decision.kind) {
      case "begin":
        for (const segment of decision.segments) await this.#add(stages[decision.stage], segment);
        return true;
      case "play":
        if (await this.#add(stages[decision.stage], decision.segment)) player.sent(decision, Date.now());
        else player.missed(decision);
        return true;
      case "silence":
        player.sentSilence(await this.#addSilence(stages, decision.ms), now);
        return true;
      case "end":
        if (stages.every(({ isCertain }) => isCertain)) return false;
        await scheduler.wait(lookMs);
        return true;
      case "wait":
        await scheduler.wait(Math.min(lookMs, Math.max(1, decision.ms)));
        return true;
    }
  }

  /** Questions stand at what may play next; once what plays is gone all others are asked for. */
  async #look(stages: readonly Stage[], at: number): Promise<void> {
    const current = stages[at];
    if (!current || !isThere(current)) {
      const looking = Promise.all(stages.map((stage) => stage.refresh(this.#host)));
      await settledWithin(looking, lookMs);
    }
    for (const stage of stages.slice(0, at + 1)) stage.attend(this.#host);
    // The settings, too, are looked after.
    await settledWithin(stationOf(this.#host), lookMs);
  }

  /** Whether it could be had: it is looked at where it does not continue what was before it. */
  async #add(stage: Stage | undefined, ref: SegmentRef): Promise<boolean> {
    if (!stage) return false;
    const content: HlsContent = { kind: "segment", stage: stage.name, ref, primerSamples: 0 };
    const last = this.#timeline.entries.at(-1);
    const isContinued = last !== undefined && continues(last.content, content);
    const loaded = isContinued ? null : await this.#load(stage, ref);
    const samples = loaded ? primerSamples(loaded) : 0;
    if (!isContinued && !loaded) return false;
    const ms = durationMs(ref) + (samples * 1000) / ref.sampleRate;
    const title = titleAtStart(stage, ref);
    this.#append({ ...content, primerSamples: samples }, ms, title, ref.startMs);
    return true;
  }

  /** How long it lasts, ms. In the format of what was before it; one silence goes on with another. */
  async #addSilence(stages: readonly Stage[], ms: number): Promise<number> {
    const last = this.#timeline.entries.at(-1);
    const content =
      last?.content.kind === "silence"
        ? {
            ...last.content,
            firstSample: last.content.firstSample + last.content.frames * last.content.samplesPerFrame,
          }
        : silenceLike(await this.#lastLoaded(stages, last), ms);
    const lastsMs = (content.frames * content.samplesPerFrame * 1000) / content.sampleRate;
    this.#append(content, lastsMs, null, last ? last.startMs + last.durationMs : Date.now());
    return lastsMs;
  }

  async #lastLoaded(stages: readonly Stage[], last: HlsEntry | undefined): Promise<LoadedSegment | null> {
    if (last?.content.kind !== "segment") return null;
    const { stage: name, ref } = last.content;
    const stage = stages.find((candidate) => candidate.name === name);
    return stage ? this.#load(stage, ref) : null;
  }

  async #load(stage: Stage, ref: SegmentRef): Promise<LoadedSegment | null> {
    const found = stage.segment(ref, this.#host);
    return found instanceof Promise ? ((await settledWithin(found, segmentReadTimeoutMs)) ?? null) : found;
  }

  #append(content: HlsContent, ms: number, title: HlsEntry["title"], startMs: number): void {
    this.#timeline = append(this.#timeline, { content, durationMs: ms, title }, startMs, timelineLimits);
    this.#store();
    this.#waiting.wake();
  }

  #store(): void {
    this.#writtenMs = Date.now();
    const stored: StoredTimeline = { timeline: this.#timeline, writtenMs: this.#writtenMs };
    this.ctx.storage.kv.put(timelineKey, stored);
  }
}

/** What the player looks at. */
const views = (stages: readonly Stage[]): readonly HlsStage[] => stages;

const isSame = (a: Programme, b: Programme): boolean =>
  a.first === b.first &&
  a.stages.length === b.stages.length &&
  a.stages.every((stage, index) => stage === b.stages[index]) &&
  JSON.stringify(a.rules) === JSON.stringify(b.rules);

function silenceLike(
  segment: LoadedSegment | null,
  ms: number,
): Extract<HlsContent, { readonly kind: "silence" }> {
  const { bytes } = silence(segment, ms);
  const frames = mp3.indexFrames(bytes);
  const size = frames[0]?.size ?? bytes.length;
  const sampleRate = segment?.ref.sampleRate ?? 44_100;
  const samplesPerFrame = frames[0]?.samples ?? 1_152;
  return {
    kind: "silence",
    frame: encodeBase64Url(bytes.subarray(0, size)),
    // Not a frame longer than was asked for: a playlist has promised what its entries last at most.
    frames: Math.max(1, Math.floor((ms * sampleRate) / 1000 / samplesPerFrame)),
    samplesPerFrame,
    sampleRate,
    firstSample: 0,
  };
}
