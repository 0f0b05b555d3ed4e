import assert from "node:assert/strict";
import { slotAt } from "../../../../ingest/access/dj-slots.ts";
import type { ProgrammePick, ProgrammeSettings } from "../../../../ingest/autodj/order/programme.ts";
import { millis } from "../../../../shared/units.ts";

/** As much as the rules of a programme say in the plainest way: which picks are right, not which of them comes. */
export class ProgrammeModel {
  readonly #settings: ProgrammeSettings;
  readonly #files = new Map<string, readonly string[]>();
  readonly #refused = new Set<string>();
  /** Everything that played, by list that had it then. */
  readonly #heard = new Map<string, string[]>();
  /** Of sequences: what played last, and all that came after it when it was last there. */
  readonly #last = new Map<string, { readonly id: string; readonly after: readonly string[] }>();
  readonly #jingles: { tracks: number; sinceMs: number | undefined }[];
  queue: string[] = [];

  constructor(settings: ProgrammeSettings) {
    this.#settings = settings;
    this.#jingles = settings.jingles.map(() => ({ tracks: 0, sinceMs: undefined }));
  }

  get files(): ReadonlyMap<string, readonly string[]> {
    return this.#files;
  }

  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  setFiles(name: string, given: readonly string[]): void {
    const before = this.#files.get(name) ?? [];
    const ids = [...new Set(given)];
    this.#files.set(name, ids);
    const last = this.#last.get(name);
    if (last && ids.includes(last.id)) this.#playedLast(name, last.id);
    for (const id of before) if (!this.#isListed(id)) this.#refused.delete(id);
    this.queue = this.queue.filter((id) => this.#isListed(id));
  }

  refuse(id: string): void {
    this.#refused.add(id);
    this.queue = this.queue.filter((each) => each !== id);
  }

  allow(id: string): void {
    this.#refused.delete(id);
  }

  enqueue(id: string): void {
    if (this.#isListed(id) && !this.#refused.has(id) && !this.queue.includes(id)) this.queue.push(id);
  }

  /** Fails where the pick is not what comes at `now`. */
  check(pick: ProgrammePick | null, now: number): void {
    for (const jingle of this.#jingles) jingle.sinceMs ??= now;
    const due = this.#settings.jingles.findIndex((_, index) => this.#isDue(index, now));
    const rotations = this.#settings.rotations.filter(
      ({ name, slots }) => this.#playable(name).length > 0 && this.#isOpen(slots, now),
    );
    if (due >= 0) {
      assert.deepEqual([pick?.kind, pick?.rotation], ["jingle", `jingle ${due + 1}`]);
    } else if (this.queue.length > 0) {
      assert.deepEqual([pick?.kind, pick?.id], ["request", this.queue.shift()]);
    } else if (rotations.length > 0) {
      assert.equal(pick?.kind, "track");
      assert(
        rotations.some(({ name }) => name === pick?.rotation),
        `${pick?.rotation} is not on`,
      );
    } else {
      assert.equal(pick, null);
    }
    if (pick === null) return;
    if (pick.kind !== "request") this.#checkOrder(pick);
    this.#count(pick, now);
  }

  #isDue(index: number, now: number): boolean {
    const settings = this.#settings.jingles[index];
    const state = this.#jingles[index];
    if (!settings || !state || state.tracks === 0) return false;
    const enough = state.tracks >= (settings.everyTracks ?? Infinity);
    const longEnough = now - (state.sinceMs ?? now) >= (settings.everyMs ?? Infinity);
    return (
      (enough || longEnough) &&
      this.#playable(`jingle ${index + 1}`).length > 0 &&
      this.#isOpen(settings.slots, now)
    );
  }

  #checkOrder({ id, rotation }: ProgrammePick): void {
    const playable = this.#playable(rotation);
    assert(playable.includes(id), `${id} is not playable`);
    const own = this.#settings.rotations.find(({ name }) => name === rotation);
    const settings = own ?? { memory: 3, ...this.#settings.jingles[Number(rotation.slice(-1)) - 1] };
    if (settings.order === "sequential") {
      assert.equal(
        id,
        this.#inOrder(rotation).find((each) => playable.includes(each)),
      );
      this.#playedLast(rotation, id);
    } else {
      const others = new Set<string>();
      for (const each of (this.#heard.get(rotation) ?? []).toReversed()) {
        if (others.size < settings.memory && others.size + 1 <= playable.length / 2) others.add(each);
      }
      assert(!others.has(id), `${id} comes again too soon`);
    }
  }

  /** The files of a sequence from where it goes on, round to the last. */
  #inOrder(name: string): readonly string[] {
    const files = this.#files.get(name) ?? [];
    const last = this.#last.get(name);
    const goesOn = files.includes(last?.id ?? "")
      ? last?.after
      : last?.after.filter((id) => files.includes(id));
    const from = Math.max(0, files.indexOf(goesOn?.[0] ?? ""));
    return [...files.slice(from), ...files.slice(0, from)];
  }

  #playedLast(name: string, id: string): void {
    const files = this.#files.get(name) ?? [];
    this.#last.set(name, { id, after: files.slice(files.indexOf(id) + 1) });
  }

  #count({ id, kind, rotation }: ProgrammePick, now: number): void {
    for (const [index, jingle] of this.#jingles.entries()) {
      if (kind !== "jingle") jingle.tracks += 1;
      else if (rotation === `jingle ${index + 1}`) Object.assign(jingle, { tracks: 0, sinceMs: now });
    }
    for (const [name, files] of this.#files) {
      if (files.includes(id)) this.#heard.set(name, [...(this.#heard.get(name) ?? []), id]);
    }
  }

  #playable(name: string): readonly string[] {
    return (this.#files.get(name) ?? []).filter((id) => !this.#refused.has(id));
  }

  #isListed(id: string): boolean {
    return [...this.#files.values()].some((files) => files.includes(id));
  }

  #isOpen(slots: Parameters<typeof slotAt>[0], now: number): boolean {
    return slots.length === 0 || slotAt(slots, millis(now)) !== null;
  }
}
