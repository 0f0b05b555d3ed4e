import { DurableObject } from "cloudflare:workers";
import {
  defaultNaming,
  encodeEpochDocument,
  epochDocumentKey,
  type EpochNaming,
} from "../../shared/archive-format.ts";
import { type EpochFacts, unknownEpoch } from "../../shared/broadcast.ts";
import type { Position } from "../../shared/segment.ts";
import type { Epoch, Millis, MountPath, Sequence } from "../../shared/units.ts";
import { knownStation, stationOf } from "../directory.ts";
import type { Env } from "../env.ts";
import { type HistoryFilter, type HistoryPage, SongHistory } from "../history/song-history.ts";
import { settingsWaitMs } from "../limits.ts";
import type { Host } from "../mount-feed.ts";
import { settledWithin } from "../settled-within.ts";
import { rulesOf } from "../station.ts";
import { ArchiveIndex } from "./archive-index.ts";
import { Compactor } from "./compaction.ts";
import type { EpochNow } from "./chunk-plan.ts";
import type { ArchiveWord, EpochWord } from "./archive-word.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { BroadcastList } from "./broadcast-list.ts";
import {
  backfillMs,
  chunkSpanMs,
  compactAgainMs,
  holeAgeMs,
  listAfterEndMs,
  listAgainMs,
  listHoleAgainMs,
  lostAfterMs,
  segmentsPerCall,
  settleMs,
} from "./limits.ts";
import { listEpochs, reconcileEpoch } from "./listing.ts";
import { wholeEpoch } from "./marks.ts";
import { retain, retentionOf, sweepBelow } from "./retention.ts";
import { Primers } from "./primers.ts";
import type { BroadcastFilter, BroadcastPage, NamedBroadcast, Primer } from "./reader.ts";

/** Segments on air between two moments, for readers to keep. */
export interface ArchivePage {
  readonly segments: readonly ArchivedSegment[];
  /** The first segment that begins at or after the end of the page; null without one. */
  readonly next: ArchivedSegment | null;
  /** Nothing will come to it any more, as far as anyone knows. */
  readonly isSettled: boolean;
}

/**
 * The archive of one mount: an index of what the bucket has. It is told by the mount's object and finds in the bucket what it
 * was not told; the bucket is right.
 */
export class ArchiveObject extends DurableObject<Env> {
  readonly #index: ArchiveIndex;
  readonly #broadcasts: BroadcastList;
  readonly #primers: Primers;
  readonly #compactor: Compactor;
  readonly #history: SongHistory;
  readonly #sql: SqlStorage;
  /** One at a time: two that list would find the other's work. */
  #listing: Promise<void> = Promise.resolve();
  #tended: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#index = new ArchiveIndex(this.#sql);
    this.#broadcasts = new BroadcastList(this.#sql, this.#index);
    this.#primers = new Primers(this.#sql, this.#index);
    this.#compactor = new Compactor(this.#sql, this.#index, env.SEGMENTS);
    this.#history = new SongHistory(this.#sql);
    for (const statement of schema) this.#sql.exec(statement);
  }

  /** What the mount's object has to say. Resolves when it is stored. */
  async tell(word: ArchiveWord): Promise<void> {
    const { mount, segments } = word;
    this.#remember(mount);
    const naming = await this.#naming(mount, word);
    const now = Date.now();
    const changed: EpochFacts[] = [];
    for (const epoch of word.epochs) {
      if (this.#index.marks.below(epoch.epoch) === wholeEpoch) continue;
      const facts = this.#take(epoch, naming);
      if (facts) changed.push(facts);
      this.#follow(epoch.epoch, epoch.end === null ? null : "released", now);
    }
    this.#index.add(segments);
    this.#history.add(segments);
    for (const epoch of new Set(segments.map((segment) => segment.epoch))) this.#broadcasts.touch(epoch);
    this.#noteAudience(now, word.listeners);
    await this.#schedule();
    for (const facts of changed) await this.#document(mount, facts);
  }

  /** What was played; it outlives the audio. */
  async history(mount: MountPath, filter: HistoryFilter): Promise<HistoryPage> {
    await this.#upToDate(mount);
    return this.#history.page(filter, Date.now());
  }

  async broadcasts(mount: MountPath, filter: BroadcastFilter): Promise<BroadcastPage> {
    await this.#upToDate(mount);
    return this.#broadcasts.page(mount, filter);
  }

  /** By its id or its name. */
  async broadcast(mount: MountPath, which: number | string): Promise<NamedBroadcast | null> {
    await this.#upToDate(mount);
    return this.#broadcasts.find(mount, which);
  }

  /** What goes before each join of a broadcast. */
  async primers(mount: MountPath, id: Epoch): Promise<readonly Primer[]> {
    const found = this.#broadcasts.find(mount, id);
    if (!found) return [];
    return this.#primers.of(mount, found.joins, this.env.SEGMENTS);
  }

  /** Of one epoch, in order of play: at most `segmentsPerCall`. */
  async segments(mount: MountPath, epoch: Epoch, from: Sequence, limit: number): Promise<ArchivedSegment[]> {
    await this.#rebuilt(mount);
    return this.#index.segments(mount, epoch, from, Math.min(limit, segmentsPerCall));
  }

  async segmentAtByte(
    mount: MountPath,
    id: Epoch,
    byte: number,
  ): Promise<{ readonly segment: ArchivedSegment; readonly bytesBefore: number } | null> {
    const found = this.#broadcasts.find(mount, id);
    return found && this.#index.atByte(mount, found.epochs, byte);
  }

  /** Those that were on air between two moments, in order of play. */
  async page(mount: MountPath, fromMs: number, toMs: number): Promise<ArchivePage> {
    await this.#rebuilt(mount);
    return {
      segments: this.#index.onAir(mount, fromMs, toMs),
      next: this.#index.nextFrom(mount, toMs),
      isSettled: this.#isSettled(toMs),
    };
  }

  /** The next in order of play; null at the live edge. */
  async after(mount: MountPath, position: Position): Promise<ArchivedSegment | null> {
    await this.#rebuilt(mount);
    return this.#index.after(mount, position);
  }

  async earliestMs(mount: MountPath): Promise<Millis | null> {
    await this.#rebuilt(mount);
    return this.#index.earliestMs();
  }

  /** Brings the index up to date with the bucket, all of it. Resolves when it is. */
  rebuild(mount: MountPath): Promise<void> {
    return this.#alone(() => this.#listAll(mount));
  }

  /** Merges what is over and not merged yet, without waiting for anything, and deletes the segments' own objects at once. */
  async compact(mount: MountPath): Promise<void> {
    await this.#rebuilt(mount);
    for (const epoch of this.#index.epochsFrom(0)) this.#compactor.watch(epoch, Date.now());
    await this.#tending(() =>
      this.#compactor.finish(mount, async (epoch, from) => {
        const state = await this.#look(mount, epoch, from);
        // Only of those whose end was told it is certain that they are not on air.
        return this.#endedMs(epoch) === undefined || state.overMs === null
          ? state
          : { ...state, overMs: Number.POSITIVE_INFINITY };
      }),
    );
    await this.#schedule();
  }

  /** Of a broadcast that is over, by its name. It is gone at once, what storage has of it soon after. */
  async deleteBroadcast(mount: MountPath, name: string): Promise<"deleted" | "absent" | "on air"> {
    await this.#rebuilt(mount);
    const found = this.#broadcasts.find(mount, name);
    if (!found) return "absent";
    if (found.endMs === null) return "on air";
    for (const epoch of found.epochs) this.#delete(epoch);
    await this.#schedule();
    return "deleted";
  }

  override async alarm(): Promise<void> {
    const mount = this.#mount;
    if (mount === null) return;
    let notBeforeMs = 0;
    try {
      await this.#alone(() => this.#listDue(mount));
      await this.#tending(() => this.#tend(mount));
    } catch (error) {
      console.warn("an archive could not be looked after", mount, String(error));
      notBeforeMs = Date.now() + listAgainMs;
    }
    await this.#schedule(notBeforeMs);
  }

  /** What nobody waits for. */
  async #tend(mount: MountPath): Promise<void> {
    await this.#retain(mount);
    for (const { epoch, below } of this.#index.marks.unswept()) {
      await sweepBelow(this.env.SEGMENTS, mount, epoch, below);
      this.#index.marks.swept(epoch, below);
      if (below === wholeEpoch) this.#index.forget(epoch);
    }
    try {
      await this.#compactor.step(mount, (epoch, from) => this.#look(mount, epoch, from));
    } catch (error) {
      console.warn("segments could not be merged", mount, String(error));
    }
  }

  async #retain(mount: MountPath): Promise<void> {
    if ((this.ctx.storage.kv.get<number>(retainKey) ?? 0) > Date.now()) return;
    // Nothing is deleted by settings that are not the station's.
    const station = await settledWithin(stationOf(this.#host), settingsWaitMs);
    const kept = retentionOf(station && rulesOf(station, mount));
    for (const epoch of retain(mount, kept, { index: this.#index, broadcasts: this.#broadcasts }, Date.now()))
      this.#broadcasts.touch(epoch);
    this.ctx.storage.kv.put(retainKey, Date.now() + (station ? kept.everyMs : compactAgainMs));
  }

  #delete(epoch: Epoch): void {
    this.#index.deleteBelow(epoch, wholeEpoch);
    this.#broadcasts.touch(epoch);
  }

  /** An epoch as it is, after a listing of what it has from a sequence on. */
  async #look(mount: MountPath, epoch: Epoch, from: Sequence): Promise<EpochNow> {
    await this.#alone(() => this.#list(mount, epoch, from));
    const nowMs = Date.now();
    const endedMs = this.#endedMs(epoch);
    if (endedMs === null) return { nowMs, overMs: null };
    // Of what was before its index nobody knows more than its own times.
    return { nowMs, overMs: nowMs - (endedMs ?? this.#index.stretch(epoch)?.endMs ?? 0) };
  }

  /** Null: it is on air. Undefined: nobody told of it. */
  #endedMs(epoch: Epoch): number | null | undefined {
    const rows = this.#sql.exec<{ ended_ms: number | null }>(
      "SELECT ended_ms FROM follow WHERE epoch = ?",
      epoch,
    );
    return rows.toArray()[0]?.ended_ms;
  }

  get #mount(): MountPath | null {
    return this.ctx.storage.kv.get<MountPath>(mountKey) ?? null;
  }

  #remember(mount: MountPath): void {
    if (this.#mount !== mount) this.ctx.storage.kv.put(mountKey, mount);
  }

  get #host(): Host {
    return { env: this.env, keepAlive: (work) => this.ctx.waitUntil(work), hostname: "" };
  }

  /** How an epoch is called that nobody knew: as the station's settings have it then. */
  async #naming(mount: MountPath, { epochs }: ArchiveWord): Promise<EpochNaming> {
    const isNew = epochs.some(({ epoch }) => (this.#index.facts(epoch)?.facts.source ?? null) === null);
    if (!isNew) return defaultNaming;
    const station = (await settledWithin(stationOf(this.#host), settingsWaitMs)) ?? knownStation(this.env);
    const rules = rulesOf(station, mount);
    return {
      pattern: rules?.archiveName ?? defaultNaming.pattern,
      timeZone: rules?.archiveTimeZone ?? station.timeZone,
    };
  }

  /** What is new of an epoch; null when nothing is. */
  #take(word: EpochWord, naming: EpochNaming): EpochFacts | null {
    const known = this.#index.facts(word.epoch);
    const before = known?.facts ?? unknownEpoch(word.epoch);
    const facts: EpochFacts = {
      ...before,
      ...word,
      // As it was told first: the mount's clock may have been set.
      claimedMs: before.claimedMs || word.claimedMs,
      // A peak of listeners falls when the mount's object begins anew.
      listenerPeak: Math.max(before.listenerPeak, word.listenerPeak),
    };
    if (known && JSON.stringify(facts) === JSON.stringify(before)) return null;
    this.#index.putFacts(facts, known && before.source !== null ? known.naming : naming);
    this.#broadcasts.touch(word.epoch);
    const isOnlyPeak = known && facts.end === before.end && before.source !== null;
    return isOnlyPeak ? null : facts;
  }

  /** When an epoch is to be looked at next: when nothing more is heard of it, or its time for a listing has come. */
  #follow(epoch: Epoch, end: "released" | "lost" | null, now: number): void {
    const [row] = this.#sql
      .exec<{ ended_ms: number | null; due_ms: number }>(
        "SELECT ended_ms, due_ms FROM follow WHERE epoch = ?",
        epoch,
      )
      .toArray();
    if (end !== null && row && row.ended_ms !== null) return;
    // One that is on air is told of every few seconds: a row written now and then is enough.
    if (end === null && row && row.ended_ms === null && row.due_ms > now + lostAfterMs / 2) return;
    const dueMs = now + (end === null ? lostAfterMs : listAfterEndMs[0]);
    this.#sql.exec(
      `INSERT INTO follow (epoch, due_ms, ended_ms, listed_ms) VALUES (?1, ?2, ?3, 0)
       ON CONFLICT (epoch) DO UPDATE SET
         due_ms = ?2, ended_ms = ?3, listed_ms = CASE WHEN ?3 IS NULL THEN listed_ms ELSE 0 END`,
      epoch,
      dueMs,
      end === null ? null : now,
    );
    this.#compactor.watch(epoch, now + settleMs + (end === null ? chunkSpanMs : 0));
    if (row) return;
    // Whatever was before it has ended, if it could not say so itself.
    const open = this.#sql.exec<{ epoch: number }>(
      "SELECT epoch FROM follow WHERE epoch < ? AND ended_ms IS NULL",
      epoch,
    );
    for (const before of open.toArray()) this.#lose(before.epoch as Epoch, now);
  }

  #lose(epoch: Epoch, now: number): void {
    const known = this.#index.facts(epoch);
    if (known && known.facts.end === null) {
      this.#index.putFacts({ ...known.facts, end: "lost" }, known.naming);
      this.#broadcasts.touch(epoch);
    }
    this.#follow(epoch, "lost", now);
  }

  /** For a rebuild. Nothing hangs on it: without it only the source's own words would be missing then. */
  async #document(mount: MountPath, facts: EpochFacts): Promise<void> {
    const naming = this.#index.facts(facts.epoch)?.naming ?? defaultNaming;
    const { epoch, ...rest } = facts;
    try {
      await this.env.SEGMENTS.put(epochDocumentKey(mount, epoch), encodeEpochDocument(rest, naming), {
        httpMetadata: { contentType: "application/json" },
      });
    } catch (error) {
      console.warn("an epoch's document could not be written", mount, epoch, String(error));
    }
  }

  /** The bucket may have been there before its index. */
  async #rebuilt(mount: MountPath): Promise<void> {
    if (this.ctx.storage.kv.get<boolean>(rebuiltKey) === true) return;
    await this.#alone(async () => {
      if (this.ctx.storage.kv.get<boolean>(rebuiltKey) === true) return;
      await this.#listAll(mount);
    });
    await this.#schedule();
  }

  async #listAll(mount: MountPath): Promise<void> {
    this.#remember(mount);
    const epochs = new Set([...(await listEpochs(this.env.SEGMENTS, mount)), ...this.#index.epochs()]);
    for (const epoch of [...epochs].toSorted((a, b) => a - b)) {
      await this.#list(mount, epoch, 0);
      // Whoever is on air has said so by then.
      this.#compactor.watch(epoch, Date.now() + settleMs);
    }
    this.ctx.storage.kv.put(rebuiltKey, true);
  }

  async #list(mount: MountPath, epoch: Epoch, from: number): Promise<void> {
    const listed = await reconcileEpoch(this.env.SEGMENTS, mount, epoch, this.#index, from);
    if (listed.isChanged) {
      this.#broadcasts.touch(epoch);
      this.#compactor.watch(epoch, Date.now() + settleMs);
    }
    await this.#compactor.tidy(epoch, listed, Date.now());
    this.#history.keep(epoch, from, Date.now());
    this.#sql.exec("UPDATE follow SET listed_ms = ? WHERE epoch = ?", Date.now(), epoch);
  }

  async #listDue(mount: MountPath): Promise<void> {
    await this.#rebuildIfNew(mount);
    const now = Date.now();
    const due = this.#sql
      .exec<{ epoch: number; ended_ms: number | null }>(
        "SELECT epoch, ended_ms FROM follow WHERE due_ms <= ?",
        now,
      )
      .toArray();
    for (const { epoch, ended_ms } of due) {
      if (ended_ms === null) {
        this.#lose(epoch as Epoch, now);
        continue;
      }
      await this.#list(mount, epoch as Epoch, 0);
      const next = listAfterEndMs.find((afterMs) => ended_ms + afterMs > Date.now());
      this.#sql.exec(
        "UPDATE follow SET due_ms = ? WHERE epoch = ?",
        next === undefined ? null : ended_ms + next,
        epoch,
      );
    }
  }

  async #rebuildIfNew(mount: MountPath): Promise<void> {
    if (this.ctx.storage.kv.get<boolean>(rebuiltKey) !== true) await this.#listAll(mount);
  }

  /** Whoever asks for what may still be delivered has it listed, now and then. */
  async #upToDate(mount: MountPath): Promise<void> {
    await this.#rebuilt(mount);
    const now = Date.now();
    const stale = this.#sql
      .exec<{ epoch: number; ended_ms: number | null }>(
        `SELECT epoch, ended_ms FROM follow
         WHERE (ended_ms IS NULL AND listed_ms < ?) OR (ended_ms > ? AND listed_ms < ?)`,
        now - listHoleAgainMs,
        now - backfillMs,
        now - listAgainMs,
      )
      .toArray();
    for (const { epoch, ended_ms } of stale) {
      const from = ended_ms === null ? this.#holeOf(epoch as Epoch, now) : 0;
      if (from === null) continue;
      await this.#alone(() => this.#list(mount, epoch as Epoch, from));
    }
  }

  /** Where the first hole of an epoch on air is; null when it has none that is old enough to be one. */
  #holeOf(epoch: Epoch, now: number): number | null {
    const stretch = this.#index.stretch(epoch);
    if (!stretch) return 0;
    if (stretch.endMs > now - holeAgeMs && stretch.firstSequence === 0 && stretch.holes.length === 0)
      return null;
    if (stretch.firstSequence > 0) return 0;
    const [hole] = stretch.holes;
    return hole ? hole.after + 1 : stretch.lastSequence + 1;
  }

  /** Of what is on air, or ended a while ago, late segments may still be found. */
  #isSettled(toMs: number): boolean {
    const now = Date.now();
    if (toMs < now - backfillMs) return true;
    const { ms } = this.#sql
      .exec<{ ms: number | null }>(
        "SELECT MIN(run.start_ms) AS ms FROM run JOIN follow ON follow.epoch = run.epoch WHERE follow.due_ms IS NOT NULL",
      )
      .one();
    return toMs <= (ms ?? now - lostAfterMs);
  }

  /** One row a minute: the most listeners there were. */
  #noteAudience(now: number, listeners: number): void {
    this.#sql.exec(
      `INSERT INTO audience (minute, listeners) VALUES (?, ?)
       ON CONFLICT (minute) DO UPDATE SET listeners = excluded.listeners WHERE excluded.listeners > listeners`,
      Math.floor(now / 60_000),
      listeners,
    );
  }

  /** One chunk at a time is made, whoever wants it. */
  #tending(work: () => Promise<void>): Promise<void> {
    const done = this.#tended.then(work, work);
    this.#tended = done.catch(() => undefined);
    return done;
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#listing.then(work, work);
    this.#listing = done.catch(() => undefined);
    return done;
  }

  async #schedule(notBeforeMs = 0): Promise<void> {
    if (this.#mount === null) return;
    const follow = this.#sql.exec<{ ms: number | null }>("SELECT MIN(due_ms) AS ms FROM follow").one();
    const sweepMs = this.#index.marks.unswept().length > 0 ? Date.now() : null;
    const retainMs = this.ctx.storage.kv.get<number>(retainKey) ?? Date.now() + compactAgainMs;
    const times = [follow.ms, this.#compactor.nextMs(), sweepMs, retainMs];
    const ms = Math.max(notBeforeMs, Math.min(...times.filter((each) => each !== null)));
    const alarm = await this.ctx.storage.getAlarm();
    // One that is too early finds nothing due and asks again.
    if (alarm === null || alarm > ms) await this.ctx.storage.setAlarm(ms);
  }
}

const mountKey = "mount";
const rebuiltKey = "rebuilt";
const retainKey = "retain";
const schema = [
  `CREATE TABLE IF NOT EXISTS follow (
     epoch INTEGER PRIMARY KEY, due_ms INTEGER, ended_ms INTEGER, listed_ms INTEGER NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS audience (minute INTEGER PRIMARY KEY, listeners INTEGER NOT NULL)",
];
