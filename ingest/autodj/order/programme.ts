import type { JingleSettings, PlayOrder, RotationSettings } from "../../../config/ingest-settings.ts";
import { type Millis, millis } from "../../../shared/units.ts";
import { drawNext, drawRandom } from "./draw.ts";
import { FileList } from "./file-list.ts";
import { programmeLimits } from "./limits.ts";
import { OpenTimes } from "./open-times.ts";
import { type ProgrammeState, restoreState } from "./programme-state.ts";
import { takeTurn } from "./weighted-turns.ts";

/** Of an AutoDJ's settings; names of rotations differ. */
export interface ProgrammeSettings {
  readonly rotations: readonly Omit<RotationSettings, "places">[];
  readonly jingles: readonly Omit<JingleSettings, "places">[];
}

export interface ProgrammePick {
  readonly id: string;
  readonly kind: "track" | "jingle" | "request";
  /** Name of the rotation or the jingle; of a request, the first that has the file. */
  readonly rotation: string;
}

/** `waiting`: it is in the queue already. `full`: as many wait as may. `unknown`: no rotation and no jingle has it. */
export type Enqueued = "queued" | "waiting" | "full" | "unknown" | "refused";

interface List {
  readonly name: string;
  readonly order: PlayOrder;
  readonly memory: number;
  readonly times: OpenTimes;
  readonly files: FileList;
}

interface Every {
  readonly everyTracks: number | undefined;
  readonly everyMs: number | undefined;
}

/**
 * What an AutoDJ plays next. In this order:
 *
 * 1. A jingle that is due, one after the other if several are, in the order of the settings. It comes between tracks: no
 *    jingle comes twice without a track or a request in between, and none before the first. Requests count as tracks,
 *    and wait for a jingle: in an hour full of requests the station has its name as well.
 * 2. The request that has waited longest, whatever the times of its rotation and whether or not it has just played. A
 *    file waits once at a time.
 * 3. A track of the rotation whose turn it is among those whose times hold and that have a playable file. In random order
 *    what played last is left out, up to half of the files, also when another rotation or a request played it; a file
 *    that went away is remembered, so that it does not come twice because it was replaced. In sequential order files
 *    come as they are listed; where the last one went away it goes on with what came after that.
 *
 * Times count at the moment of the pick: what plays is never cut. All of it follows from the state, the files and the
 * moment, so `peek` says what `next` will give.
 */
export class Programme {
  readonly #rotations: readonly (List & { readonly weight: number })[];
  readonly #jingles: readonly (List & Every)[];
  readonly #lists: readonly List[];
  readonly #refused = new Set<string>();
  /** Lists whose files nobody has named yet. */
  readonly #unread: Set<List>;
  #state: ProgrammeState;

  /**
   * `random` gives numbers from 0 to below 1 and is asked only where there is no state to go on from. Of a `state` what
   * fits the settings counts; one that is none is as if there were none.
   */
  constructor(settings: ProgrammeSettings, random: () => number, state?: unknown) {
    const list = (name: string, { order, slots }: ProgrammeSettings["jingles"][0], memory: number): List => ({
      name,
      order,
      memory: order === "random" ? Math.min(memory, programmeLimits.memory) : 0,
      times: new OpenTimes(slots),
      files: new FileList((id) => this.#refused.has(id)),
    });
    this.#rotations = settings.rotations.map((each) => ({
      ...list(each.name, each, each.memory),
      weight: each.weight,
    }));
    const names = new Set(settings.rotations.map(({ name }) => name));
    if (names.size < settings.rotations.length) throw new TypeError("rotations have the same name");
    this.#jingles = settings.jingles.map((each, index) => {
      let name = `jingle ${index + 1}`;
      while (names.has(name)) name += "'";
      names.add(name);
      const { everyTracks, everyMs } = each;
      return { ...list(name, each, programmeLimits.jingleMemory), everyTracks, everyMs };
    });
    this.#lists = [...this.#rotations, ...this.#jingles];
    this.#unread = new Set(this.#lists);
    this.#state = restoreState(state, {
      random,
      lists: this.#lists,
      jingles: this.jingleNames,
    });
  }

  /** What `setFiles` and picks call the jingles, in the order of the settings: "jingle 1". */
  get jingleNames(): readonly string[] {
    return this.#jingles.map(({ name }) => name);
  }

  /** A copy, to be kept; `programme-state.ts`. */
  get state(): ProgrammeState {
    return structuredClone(this.#state);
  }

  /**
   * All files of a rotation or a jingle, in the order in which a sequence plays them. Requests for files that no rotation
   * has any more are dropped, but not before all rotations have been read. Files that went away are no longer refused.
   */
  setFiles(rotation: string, ids: Iterable<string>): void {
    const list = this.#lists.find(({ name }) => name === rotation);
    if (!list) throw new TypeError(`no rotation is named ${rotation}`);
    const before = this.#refused.size === 0 ? [] : list.files.ids().filter((id) => this.#refused.has(id));
    list.files.set(ids);
    const own = listState(this.#state, list);
    if (own?.last != null && list.files.has(own.last)) follow(own, list, own.last);
    for (const id of before) if (!this.#listOf(id)) this.#refused.delete(id);
    this.#unread.delete(list);
    if (this.#unread.size > 0) return;
    this.#state.queue = this.#state.queue.filter((id) => this.#listOf(id) && !this.#refused.has(id));
  }

  /** Leaves a file out until it is allowed or goes away, and drops a request for it. */
  refuse(id: string): void {
    if (this.#refused.has(id)) return;
    this.#refused.add(id);
    this.#refusalChanged(id);
    this.removeFromQueue(id);
  }

  /** A file that has changed may be tried again. */
  allow(id: string): void {
    if (this.#refused.delete(id)) this.#refusalChanged(id);
  }

  #refusalChanged(id: string): void {
    for (const { files } of this.#lists) if (files.has(id)) files.refusalsChanged();
  }

  /** Requests, the next one first. */
  get queue(): readonly string[] {
    return [...this.#state.queue];
  }

  enqueue(id: string): Enqueued {
    const { queue } = this.#state;
    if (!this.#listOf(id)) return "unknown";
    if (this.#refused.has(id)) return "refused";
    if (queue.includes(id)) return "waiting";
    if (queue.length >= programmeLimits.requests) return "full";
    queue.push(id);
    return "queued";
  }

  /** Whether it was there. */
  removeFromQueue(id: string): boolean {
    const at = this.#state.queue.indexOf(id);
    if (at >= 0) this.#state.queue.splice(at, 1);
    return at >= 0;
  }

  clear(): void {
    this.#state.queue = [];
  }

  /** What plays from `now` on; it counts as played. Null when nothing is playable. */
  next(now: Millis): ProgrammePick | null {
    return this.#advance(this.#state, now);
  }

  /**
   * What `next` is going to give, unless files, requests or refusals change: at most `programmeLimits.peek`, fewer where
   * nothing is playable. Without `lengthMs` all of them are picked at `now`; with it, each when the one before has
   * ended, by the times of that moment.
   */
  peek(now: Millis, count: number, lengthMs?: (pick: ProgrammePick) => number): ProgrammePick[] {
    const state = this.state;
    const picks: ProgrammePick[] = [];
    let at = now;
    while (picks.length < Math.min(count, programmeLimits.peek)) {
      const pick = this.#advance(state, at);
      if (pick === null) break;
      picks.push(pick);
      if (lengthMs) at = millis(at + lengthMs(pick));
    }
    return picks;
  }

  /**
   * The request that has waited longest, and the jingles due before and after it: to be played before `later`, the tracks that
   * `next` gave last and that have not begun. Those count as picked after it, so that jingles and memories are right by what is
   * heard; the one that was asked for counts no more, for it is not to be played twice. Empty without a request.
   */
  nextRequest(later: readonly ProgrammePick[], now: Millis): ProgrammePick[] {
    const state = this.#state;
    if (!state.queue.some((id) => this.#isPlayable(id))) return [];
    for (const jingle of state.jingles) jingle.tracks = Math.max(0, jingle.tracks - later.length);
    const picks: ProgrammePick[] = [];
    const dueJingles = (): void => {
      for (let pick = this.#dueJingle(state, now); pick; pick = this.#dueJingle(state, now)) {
        this.#count(state, pick, now);
        picks.push(pick);
      }
    };
    dueJingles();
    const request = this.#request(state);
    if (request) this.#count(state, request, now);
    if (request) picks.push(request);
    dueJingles();
    for (const pick of later) if (pick.id !== request?.id) this.#count(state, pick, now);
    return picks;
  }

  #advance(state: ProgrammeState, now: Millis): ProgrammePick | null {
    for (const jingle of state.jingles) {
      // A clock that was set back must not keep a jingle waiting for the time to come again.
      jingle.sinceMs = Math.min(jingle.sinceMs ?? now, now);
    }
    const pick = this.#dueJingle(state, now) ?? this.#request(state) ?? this.#track(state, now);
    if (pick !== null) this.#count(state, pick, now);
    return pick;
  }

  #count(state: ProgrammeState, pick: ProgrammePick, now: Millis): void {
    for (const jingle of state.jingles) {
      if (pick.kind !== "jingle") jingle.tracks += 1;
      else if (pick.rotation === jingle.name) Object.assign(jingle, { tracks: 0, sinceMs: now });
    }
    for (const list of this.#lists) if (list.files.has(pick.id)) remember(state, list, pick.id);
  }

  #dueJingle(state: ProgrammeState, now: Millis): ProgrammePick | null {
    for (const jingle of this.#jingles) {
      const { tracks = 0, sinceMs } = state.jingles.find(({ name }) => name === jingle.name) ?? {};
      const { everyTracks, everyMs } = jingle;
      const due =
        (everyTracks != null && tracks >= everyTracks) ||
        (everyMs != null && now - (sinceMs ?? now) >= everyMs);
      if (!due || tracks === 0 || !jingle.times.hold(now)) continue;
      const id = draw(state, jingle);
      if (id !== null) return { id, kind: "jingle", rotation: jingle.name };
    }
    return null;
  }

  /** A request that no rotation has waits: until all of them have been read it may be there. */
  #request(state: ProgrammeState): ProgrammePick | null {
    for (const [at, id] of state.queue.entries()) {
      const list = this.#listOf(id);
      if (!list || !this.#isPlayable(id)) continue;
      state.queue.splice(at, 1);
      return { id, kind: "request", rotation: list.name };
    }
    return null;
  }

  #track(state: ProgrammeState, now: Millis): ProgrammePick | null {
    const open = this.#rotations.filter(({ files, times }) => files.playable > 0 && times.hold(now));
    const turn = takeTurn(open, state.turns);
    const rotation = open.find(({ name }) => name === turn?.name);
    const id = rotation ? draw(state, rotation) : null;
    if (!turn || !rotation || id === null) return null;
    state.turns = turn.turns;
    return { id, kind: "track", rotation: rotation.name };
  }

  #isPlayable(id: string): boolean {
    return !this.#refused.has(id) && this.#listOf(id) !== undefined;
  }

  #listOf(id: string): List | undefined {
    return this.#lists.find(({ files }) => files.has(id));
  }
}

type ListState = ProgrammeState["lists"][number];

const listState = (state: ProgrammeState, { name }: List): ListState | undefined =>
  state.lists.find((each) => each.name === name);

function draw(state: ProgrammeState, list: List): string | null {
  const own = listState(state, list);
  if (!own) return null;
  if (list.order === "random") {
    return drawRandom(list.files, { recent: own.recent, memory: list.memory, seed: state.seed });
  }
  const next = drawNext(list.files, own);
  if (next !== null) follow(own, list, next);
  return next;
}

/** The sequence goes on after `last`, which the list has. */
function follow(own: ListState, { files }: List, last: string): void {
  own.last = last;
  own.after = files.after(last, programmeLimits.after);
}

function remember(state: ProgrammeState, list: List, id: string): void {
  const own = listState(state, list);
  if (!own || list.memory <= 0) return;
  const before = own.recent.indexOf(id);
  if (before >= 0) own.recent.splice(before, 1);
  own.recent.push(id);
  if (own.recent.length > list.memory) own.recent.shift();
}
