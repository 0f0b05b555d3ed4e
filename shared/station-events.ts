import type { RingPart } from "./event-ring.ts";
import type { MountStatus } from "./mount-status.ts";
import type { MountPath } from "./units.ts";

/** What happens at a station, as the directory tells isolates and these tell whoever follows. */
export type StationEvent =
  /** A source has taken the mount, also from another. */
  | { readonly kind: "source-on"; readonly status: MountStatus }
  | { readonly kind: "source-off"; readonly mount: MountPath }
  /** null: none any more. */
  | { readonly kind: "title"; readonly mount: MountPath; readonly title: string | null }
  | {
      readonly kind: "listeners";
      readonly mount: MountPath;
      readonly listeners: number;
      readonly listenerPeak: number;
    }
  /** What its source or its audio is has changed. */
  | { readonly kind: "format"; readonly status: MountStatus };

/** Names an event over all isolates: they rise, also when the directory starts anew and begins another epoch. */
export interface EventId {
  readonly epoch: number;
  readonly sequence: number;
}

/** The directory's events as an isolate's copy of them goes on. */
export interface EventFeed extends RingPart<StationEvent> {
  readonly epoch: number;
}

export interface KeyedEvent {
  readonly event: StationEvent;
  /** Of `EventRing`: counts and formats replace what was told before. */
  readonly key: string | null;
}

/** What has happened to a mount, from one status to the next. `undefined` and null: it is off the air. */
export function statusEvents(before: MountStatus | undefined, after: MountStatus | null): KeyedEvent[] {
  if (!after) {
    return before ? [{ event: { kind: "source-off", mount: before.mount }, key: null }] : [];
  }
  if (!before || before.streamStartMs !== after.streamStartMs) {
    return [{ event: { kind: "source-on", status: after }, key: null }];
  }
  const { mount, listeners, listenerPeak } = after;
  const events: KeyedEvent[] = [];
  if (formatText(before) !== formatText(after)) {
    events.push({ event: { kind: "format", status: after }, key: `format ${mount}` });
  }
  if (before.title !== after.title) {
    events.push({ event: { kind: "title", mount, title: after.title ?? null }, key: null });
  }
  if (before.listeners !== listeners || before.listenerPeak !== listenerPeak) {
    events.push({
      event: { kind: "listeners", mount, listeners, listenerPeak },
      key: `listeners ${mount}`,
    });
  }
  return events;
}

/** Keys of events that a mount's end leaves without a meaning. */
export const keysOf = (mount: MountPath): readonly string[] => [`format ${mount}`, `listeners ${mount}`];

/** Without the measured bit rate, which is another with every segment. */
const formatText = ({ source, format, sampleRate, channels }: MountStatus): string =>
  JSON.stringify([source, format, sampleRate, channels]);

/** As in `Last-Event-ID`: "12-345". */
export const formatEventId = ({ epoch, sequence }: EventId): string => `${epoch}-${sequence}`;

/** null for what is none of ours. */
export function parseEventId(text: string): EventId | null {
  const [, epoch, sequence] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? null : { epoch: Number(epoch), sequence: Number(sequence) };
}

/** Which of two events came first: negative, 0 or positive, as for sorting. */
export const compareEventIds = (a: EventId, b: EventId): number =>
  a.epoch - b.epoch || a.sequence - b.sequence;
