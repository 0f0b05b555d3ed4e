import type { EdgeStation } from "../../shared/edge-station.ts";
import type { EventRing, RingEvent } from "../../shared/event-ring.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import {
  compareEventIds,
  type EventId,
  formatEventId,
  type StationEvent,
  statusEvents,
} from "../../shared/station-events.ts";
import type { MountPath } from "../../shared/units.ts";
import { isHidden, mountJson } from "./mount-json.ts";

/** The station at one moment, and what happened until then. */
export interface StationMoment {
  readonly epoch: number;
  readonly events: EventRing<StationEvent>;
  readonly mounts: readonly MountStatus[];
  /** Mounts where a library plays, in whatever order: the directory has no events of them. */
  readonly libraries?: readonly MountStatus[];
  readonly station: Pick<EdgeStation, "mounts">;
  /** Another when the settings are others: other mounts may be hidden then. */
  readonly settingsVersion: string;
}

/**
 * Where one client is in what happens: says what to send it next, in the format of Server-Sent Events (HTML, 9.2.6). It
 * gets everything after the event it had last, or the whole state when that cannot be told any more.
 */
export class EventFollower {
  #at: EventId | null;
  readonly #hidden: boolean;
  #settingsVersion: string | null = null;
  /** As they were told. */
  #libraries: ReadonlyMap<MountPath, MountStatus> = new Map();
  /** When the client had seen more than we have: what we had then. */
  #behind: StationMoment["mounts"] | null = null;

  /** `after`: the client's `Last-Event-ID`. `hidden`: whether it may see hidden mounts. */
  constructor(after: EventId | null, hidden: boolean) {
    this.#at = after;
    this.#hidden = hidden;
  }

  /** What the client lacks; empty when there is nothing new for it. */
  next(moment: StationMoment): string {
    const before = this.#libraries;
    this.#libraries = new Map((moment.libraries ?? []).map((status) => [status.mount, status]));
    const told = this.#told(moment);
    return told.isWhole ? told.text : told.text + this.#libraryEvents(before, moment.station);
  }

  /** Without ids: a client that comes again gets them with the whole state, or when they change. */
  #libraryEvents(before: ReadonlyMap<MountPath, MountStatus>, station: StationMoment["station"]): string {
    return [...new Set([...before.keys(), ...this.#libraries.keys()])]
      .filter((mount) => this.#hidden || !isHidden(mount, station))
      .flatMap((mount) => statusEvents(before.get(mount), this.#libraries.get(mount) ?? null))
      .map(({ event }) => frame(null, event.kind, dataOf(event, station)))
      .join("");
  }

  #told(moment: StationMoment): { readonly text: string; readonly isWhole: boolean } {
    const { epoch, events, settingsVersion } = moment;
    const end = { epoch, sequence: events.last };
    const hasOtherSettings = this.#settingsVersion !== null && this.#settingsVersion !== settingsVersion;
    this.#settingsVersion = settingsVersion;
    const at = this.#at;
    if (!at || hasOtherSettings) return { text: this.#reset(moment, end), isWhole: true };
    if (compareEventIds(at, end) > 0) {
      // Another isolate knew of it a moment earlier; what is not there with the next listing never was.
      this.#behind ??= moment.mounts;
      if (this.#behind === moment.mounts) return { text: "", isWhole: false };
      return { text: this.#reset(moment, end), isWhole: true };
    }
    const missed = at.epoch === epoch ? events.after(at.sequence) : null;
    if (!missed) return { text: this.#reset(moment, end), isWhole: true };
    this.#at = end;
    const text = missed
      .filter(({ body }) => this.#hidden || !isHidden(mountOf(body), moment.station))
      .map((event) => frameOf(event, epoch, moment.station))
      .join("");
    return { text, isWhole: false };
  }

  #reset({ mounts, station }: StationMoment, end: EventId): string {
    this.#at = end;
    this.#behind = null;
    const all = [...mounts, ...this.#libraries.values()].toSorted((a, b) => (a.mount < b.mount ? -1 : 1));
    const shown = all.filter(({ mount }) => this.#hidden || !isHidden(mount, station));
    return frame(end, "reset", { mounts: shown.map((status) => mountJson(status, station)) });
  }
}

const mountOf = (event: StationEvent): MountPath =>
  event.kind === "source-on" || event.kind === "format" ? event.status.mount : event.mount;

/** The same for all clients of this isolate, with the same settings. */
const frames = new WeakMap<RingEvent<StationEvent>, { readonly station: unknown; readonly text: string }>();

function frameOf(
  event: RingEvent<StationEvent>,
  epoch: number,
  station: Pick<EdgeStation, "mounts">,
): string {
  const known = frames.get(event);
  if (known?.station === station) return known.text;
  const { body, sequence } = event;
  const text = frame({ epoch, sequence }, body.kind, dataOf(body, station));
  frames.set(event, { station, text });
  return text;
}

function dataOf(event: StationEvent, station: Pick<EdgeStation, "mounts">): unknown {
  const { kind: _, ...facts } = event;
  return "status" in event ? mountJson(event.status, station) : facts;
}

/** JSON has no line breaks of its own, so the data is one line. */
const frame = (id: EventId | null, event: string, data: unknown): string =>
  `${id ? `id: ${formatEventId(id)}\n` : ""}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
