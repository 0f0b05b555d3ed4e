import type { SegmentRef } from "../../shared/segment.ts";
import {
  type Aired,
  audienceOf,
  minuteMs,
  type Play,
  type PlayAudience,
  playsOf,
  type SongMark,
} from "../../shared/plays.ts";
import type { RecordedTitle } from "../../shared/stretch.ts";
import type { Epoch } from "../../shared/units.ts";
import { historyKeptMs } from "./limits.ts";

export interface HistoryFilter {
  /** Plays that began from then on... */
  readonly fromMs?: number;
  /** ...and before then. */
  readonly toMs?: number;
  readonly limit: number;
  /** Of the page before. */
  readonly cursor?: PlayPlace;
}

/** Where a play began. */
export interface PlayPlace {
  readonly epoch: number;
  readonly atMs: number;
}

export interface HistoryPage {
  /** In order of play. */
  readonly plays: readonly CountedPlay[];
  /** Null on the last page. */
  readonly cursor: PlayPlace | null;
}

export interface CountedPlay extends Play {
  readonly audience: PlayAudience;
}

/**
 * What a mount played, in SQL of its own beside the archive's: it outlives the audio. Titles come with the segments that are told, and
 * once more from the index after each listing, so that what was told to nobody is there too.
 */
export class SongHistory {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const statement of schema) sql.exec(statement);
  }

  /** The titles of segments that are in storage. */
  add(segments: readonly SegmentRef[]): void {
    for (const { epoch, startMs, sampleRate, titles } of segments) {
      for (const { atSample, text, url } of titles)
        this.#put({
          epoch,
          atMs: startMs + (atSample * 1000) / sampleRate,
          text,
          ...(url !== undefined && { url }),
        });
    }
  }

  /** What the index has of an epoch from a sequence on, which may be deleted there from now on. */
  keep(epoch: Epoch, from: number, nowMs: number): void {
    const runs = this.#sql.exec<{ stretch: string }>(
      "SELECT stretch FROM run WHERE epoch = ? AND last >= ? ORDER BY first",
      epoch,
      from,
    );
    for (const { stretch } of runs) {
      const { titles } = JSON.parse(stretch) as { readonly titles: readonly RecordedTitle[] };
      for (const { wallMs, text, url } of titles)
        this.#put({ epoch, atMs: wallMs, text, ...(url !== undefined && { url }) });
    }
    this.#sql.exec(
      `INSERT INTO aired (epoch, start_ms, end_ms)
       SELECT epoch, MIN(start_ms), MAX(end_ms) FROM run WHERE epoch = ? AND last >= ? GROUP BY epoch
       ON CONFLICT (epoch) DO UPDATE SET
         start_ms = MIN(start_ms, excluded.start_ms), end_ms = MAX(end_ms, excluded.end_ms)`,
      epoch,
      from,
    );
    this.#forget(nowMs - historyKeptMs);
  }

  page(
    { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, limit, cursor }: HistoryFilter,
    nowMs: number,
  ): HistoryPage {
    const begin = cursor ?? this.#markBefore(fromMs);
    const found: Play[] = [];
    for (const play of playsOf(this.#marks(begin, toMs), this.#aired(begin.epoch))) {
      const isAfter = !cursor || play.epoch > cursor.epoch || play.startMs > cursor.atMs;
      if (play.startMs < fromMs || play.startMs >= toMs || !isAfter) continue;
      found.push(play);
      // One more than asked for tells whether there is another page.
      if (found.length > limit) break;
    }
    const plays = found.slice(0, limit);
    const last = plays.at(-1);
    const listeners = this.#listeners(plays, nowMs);
    return {
      plays: plays.map((play) => ({ ...play, audience: audienceOf(play, listeners, nowMs) })),
      cursor: last && found.length > limit ? { epoch: last.epoch, atMs: last.startMs } : null,
    };
  }

  /** Encoders set a title again and again: that is no row. */
  #put({ epoch, atMs, text, url }: SongMark): void {
    const ms = Math.round(atMs);
    const [before] = this.#sql
      .exec<{ text: string; url: string | null }>(
        "SELECT text, url FROM song WHERE epoch = ? AND at_ms <= ? ORDER BY at_ms DESC LIMIT 1",
        epoch,
        ms,
      )
      .toArray();
    if (before && before.text === text && before.url === (url ?? null)) return;
    this.#sql.exec(
      "INSERT OR REPLACE INTO song (epoch, at_ms, text, url) VALUES (?, ?, ?, ?)",
      epoch,
      ms,
      text,
      url ?? null,
    );
  }

  /** The last mark before a moment: what is set again after it may be the same play. */
  #markBefore(ms: number): PlayPlace {
    const [row] = this.#sql
      .exec<{ epoch: number; at_ms: number }>(
        "SELECT epoch, at_ms FROM song WHERE at_ms < ? ORDER BY epoch DESC, at_ms DESC LIMIT 1",
        ms,
      )
      .toArray();
    return row ? { epoch: row.epoch, atMs: row.at_ms } : { epoch: 0, atMs: 0 };
  }

  *#marks({ epoch, atMs }: PlayPlace, toMs: number): Generator<SongMark> {
    const rows = this.#sql.exec<{ epoch: number; at_ms: number; text: string; url: string | null }>(
      "SELECT epoch, at_ms, text, url FROM song WHERE epoch > ?1 OR (epoch = ?1 AND at_ms >= ?2) ORDER BY epoch, at_ms",
      epoch,
      atMs,
    );
    for (const row of rows) {
      const { text, url } = row;
      yield { epoch: row.epoch as Epoch, atMs: row.at_ms, text, ...(url !== null && { url }) };
      // What began before is over with it, but for one that goes on.
      if (row.at_ms >= toMs + beyondMs) return;
    }
  }

  #aired(from: number): Aired[] {
    const rows = this.#sql.exec<{ epoch: number; start_ms: number; end_ms: number }>(
      `SELECT epoch, MIN(start_ms) AS start_ms, MAX(end_ms) AS end_ms FROM
         (SELECT epoch, start_ms, end_ms FROM aired WHERE epoch >= ?1
          UNION ALL SELECT epoch, start_ms, end_ms FROM run
          WHERE epoch >= ?1 AND (epoch NOT IN (SELECT epoch FROM aired)
            OR epoch IN (SELECT epoch FROM follow WHERE due_ms IS NOT NULL)))
       GROUP BY epoch ORDER BY epoch`,
      from,
    );
    const aired = rows.toArray().map((row) => ({
      epoch: row.epoch as Epoch,
      startMs: row.start_ms,
      endMs: row.end_ms as number | null,
    }));
    const last = aired.at(-1);
    if (last && this.#isOnAir(last.epoch)) last.endMs = null;
    return aired;
  }

  #isOnAir(epoch: Epoch): boolean {
    const [row] = this.#sql
      .exec<{ facts: string }>("SELECT facts FROM epoch WHERE epoch = ?", epoch)
      .toArray();
    return row !== undefined && (JSON.parse(row.facts) as { readonly end: unknown }).end === null;
  }

  #listeners(plays: readonly Play[], nowMs: number): ReadonlyMap<number, number> {
    const times = plays.map(({ startMs, endMs }) => ({ startMs, endMs: endMs ?? nowMs }));
    const rows = this.#sql.exec<{ minute: number; listeners: number }>(
      "SELECT minute, listeners FROM audience WHERE minute BETWEEN ? AND ?",
      Math.floor(Math.min(...times.map(({ startMs }) => startMs), nowMs) / minuteMs),
      Math.floor(Math.max(...times.map(({ endMs }) => endMs), 0) / minuteMs),
    );
    return new Map(rows.toArray().map(({ minute, listeners }) => [minute, listeners]));
  }

  #forget(beforeMs: number): void {
    this.#sql.exec("DELETE FROM song WHERE at_ms < ?", Math.round(beforeMs));
    this.#sql.exec("DELETE FROM aired WHERE end_ms < ?", Math.round(beforeMs));
    this.#sql.exec("DELETE FROM audience WHERE minute < ?", Math.floor(beforeMs / minuteMs));
  }
}

/** How far clocks of hosts that follow each other may be put back without a play being cut off. */
const beyondMs = 3_600_000;

const schema = [
  `CREATE TABLE IF NOT EXISTS song (
     epoch INTEGER NOT NULL, at_ms INTEGER NOT NULL, text TEXT NOT NULL, url TEXT,
     PRIMARY KEY (epoch, at_ms)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS song_at ON song (at_ms)",
  "CREATE TABLE IF NOT EXISTS aired (epoch INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL)",
];
