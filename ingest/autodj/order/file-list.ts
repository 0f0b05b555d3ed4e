/**
 * The files of a rotation in the order of play, which is the order they are given in. What takes as long as the list is
 * long happens once after files came, went or were refused; a pick costs no more in a library of 100,000 files than in
 * one of ten.
 */
export class FileList {
  readonly #isRefused: (id: string) => boolean;
  #listed: string[] = [];
  /** Of `#listed`, by id. */
  #indexes = new Map<string, number>();
  #playable: string[] = [];
  /** How many of the first so many files of `#listed` are playable. */
  #playableOf = new Uint32Array(1);
  #settled = true;

  constructor(isRefused: (id: string) => boolean) {
    this.#isRefused = isRefused;
  }

  /** Replaces the files; an id that is given twice counts once, at its first place. */
  set(ids: Iterable<string>): void {
    this.#listed = [];
    this.#indexes = new Map();
    for (const id of ids) {
      if (this.#indexes.has(id)) continue;
      this.#indexes.set(id, this.#listed.length);
      this.#listed.push(id);
    }
    this.#settled = false;
  }

  /** To be called after what `isRefused` says has changed. */
  refusalsChanged(): void {
    this.#settled = false;
  }

  /** Refused ones too. */
  has(id: string): boolean {
    return this.#indexes.has(id);
  }

  ids(): readonly string[] {
    return this.#listed;
  }

  /** The files that come after `id`, `count` at most, refused ones too, and none beyond the end of the list. */
  after(id: string, count: number): string[] {
    const index = this.#indexes.get(id);
    return index === undefined ? [] : this.#listed.slice(index + 1, index + 1 + count);
  }

  /** How many are playable. */
  get playable(): number {
    this.#settle();
    return this.#playable.length;
  }

  /** Of the playable ones, from 0. */
  at(place: number): string | undefined {
    this.#settle();
    return this.#playable[place];
  }

  /** Place among the playable ones; -1 of a file that is not, or is not there. */
  placeOf(id: string): number {
    const { before, until } = this.#around(id);
    return before < until ? before : -1;
  }

  /** Place of the first playable file from `id` on, itself included; `playable` where none comes. 0 of one that is not there. */
  placeFrom(id: string): number {
    return this.#around(id).before;
  }

  /** The same, without itself. */
  placeAfter(id: string): number {
    return this.#around(id).until;
  }

  /** How many playable files there are before `id`, and with it. */
  #around(id: string): { readonly before: number; readonly until: number } {
    this.#settle();
    const index = this.#indexes.get(id);
    if (index === undefined) return { before: 0, until: 0 };
    return { before: this.#playableOf[index] ?? 0, until: this.#playableOf[index + 1] ?? 0 };
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#playable = [];
    this.#playableOf = new Uint32Array(this.#listed.length + 1);
    for (const [index, id] of this.#listed.entries()) {
      if (!this.#isRefused(id)) this.#playable.push(id);
      this.#playableOf[index + 1] = this.#playable.length;
    }
  }
}
