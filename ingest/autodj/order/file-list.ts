import { naturalKey } from "./natural-key.ts";

interface Entry {
  readonly id: string;
  readonly key: string;
  /** Place among those that are playable; -1 of a file that is refused. Right only after `#settle`. */
  place: number;
  /** Number of the last `set` that named it. */
  named: number;
}

const compare = (a: Pick<Entry, "id" | "key">, b: Pick<Entry, "id" | "key">): number => {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
};

/**
 * The files of a rotation in the natural order of their names. What takes as long as the list is long happens once
 * after files came, went or were refused; a pick costs no more in a library of 100,000 files than in one of ten.
 */
export class FileList {
  readonly #isRefused: (id: string) => boolean;
  readonly #entries = new Map<string, Entry>();
  #sets = 0;
  #sorted: Entry[] = [];
  #playable: Entry[] = [];
  #settled = true;

  constructor(isRefused: (id: string) => boolean) {
    this.#isRefused = isRefused;
  }

  /** Replaces the files; an id that is given twice counts once. */
  set(ids: Iterable<string>): void {
    this.#sets += 1;
    const added: Entry[] = [];
    let kept = 0;
    for (const id of ids) {
      const known = this.#entries.get(id);
      if (known?.named === this.#sets) continue;
      if (known) {
        known.named = this.#sets;
        kept += 1;
      } else {
        const entry = { id, key: naturalKey(id), place: -1, named: this.#sets };
        this.#entries.set(id, entry);
        added.push(entry);
      }
    }
    if (kept < this.#sorted.length) this.#drop();
    if (added.length > 0) {
      // Two runs that are in order, which the sort notices: it takes as long as there are files.
      this.#sorted = [...this.#sorted, ...added.toSorted(compare)].toSorted(compare);
      this.#settled = false;
    }
  }

  #drop(): void {
    for (const { id, named } of this.#sorted) if (named !== this.#sets) this.#entries.delete(id);
    this.#sorted = this.#sorted.filter(({ named }) => named === this.#sets);
    this.#settled = false;
  }

  /** To be called after what `isRefused` says has changed. */
  refusalsChanged(): void {
    this.#settled = false;
  }

  /** Refused ones too. */
  has(id: string): boolean {
    return this.#entries.has(id);
  }

  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  /** How many are playable. */
  get playable(): number {
    this.#settle();
    return this.#playable.length;
  }

  /** Of the playable ones, from 0. */
  at(place: number): string | undefined {
    this.#settle();
    return this.#playable[place]?.id;
  }

  /** Place among the playable ones; -1 of a file that is not, or is not there. */
  placeOf(id: string): number {
    this.#settle();
    return this.#entries.get(id)?.place ?? -1;
  }

  /** Place of the playable file that follows where `id` is or would be; the first after the last, or without an id. */
  placeAfter(id: string | null): number {
    this.#settle();
    if (id === null) return 0;
    const last = { id, key: naturalKey(id) };
    let [low, high] = [0, this.#playable.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#playable[middle];
      if (entry && compare(entry, last) <= 0) low = middle + 1;
      else high = middle;
    }
    return low < this.#playable.length ? low : 0;
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#playable = [];
    for (const entry of this.#sorted) {
      const refused = this.#isRefused(entry.id);
      entry.place = refused ? -1 : this.#playable.length;
      if (!refused) this.#playable.push(entry);
    }
  }
}
