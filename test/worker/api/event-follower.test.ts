import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventRing } from "../../../shared/event-ring.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import type { MountStatus } from "../../../shared/mount-status.ts";
import {
  type EventId,
  formatEventId,
  parseEventId,
  type StationEvent,
} from "../../../shared/station-events.ts";
import { millis } from "../../../shared/units.ts";
import { EventFollower, type StationMoment } from "../../../worker/api/event-follower.ts";

const live = mountPath("/live.mp3");
const secret = mountPath("/secret.mp3");
const statusOf = (mount: typeof live, title?: string): MountStatus => ({
  mount,
  source: { name: "Harbour", contentType: "audio/mpeg", ip: "192.0.2.1", protocol: "PUT" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
  ...(title !== undefined && { title }),
});

const moment = (events: EventRing<StationEvent>, more: Partial<StationMoment> = {}): StationMoment => ({
  epoch: 1,
  events,
  mounts: [statusOf(live), statusOf(secret)],
  station: { mounts: { [secret]: { hidden: true } } },
  settingsVersion: "1",
  ...more,
});

function ringOf(...titles: string[]): EventRing<StationEvent> {
  const ring = new EventRing<StationEvent>(100);
  for (const title of titles) ring.push({ kind: "title", mount: live, title });
  return ring;
}

interface Frame {
  readonly id: EventId | null;
  readonly event: string;
  readonly data: { readonly title?: string; readonly mounts?: readonly { readonly mount: string }[] };
}

/** As a browser reads them. */
const framesOf = (text: string): Frame[] =>
  text
    .split("\n\n")
    .filter((part) => part !== "")
    .map((part) => {
      const fields = new Map(part.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      return {
        id: parseEventId(fields.get("id") ?? ""),
        event: fields.get("event") ?? "",
        data: JSON.parse(fields.get("data") ?? "null") as Frame["data"],
      };
    });
const namesOf = (text: string) => framesOf(text).map(({ event, data }) => data.title ?? event);

describe("a client that follows the events", () => {
  it("gets the whole state first, then what is new, each under its id", () => {
    const ring = ringOf("one");
    const follower = new EventFollower(null, false);
    const [reset, ...none] = framesOf(follower.next(moment(ring)));
    expect(none).toEqual([]);
    expect(reset).toMatchObject({ event: "reset", id: { epoch: 1, sequence: 1 } });
    expect(reset?.data.mounts?.map(({ mount }) => mount)).toEqual([live]);
    expect(follower.next(moment(ring))).toBe("");
    ring.push({ kind: "title", mount: live, title: "two\nlines" });
    expect(framesOf(follower.next(moment(ring)))).toEqual([
      { id: { epoch: 1, sequence: 2 }, event: "title", data: { mount: live, title: "two\nlines" } },
    ]);
  });

  it("goes on after the event it had last, and is told everything when that is too old or of another start", () => {
    const ring = ringOf("one", "two", "three");
    expect(namesOf(new EventFollower({ epoch: 1, sequence: 1 }, false).next(moment(ring)))).toEqual([
      "two",
      "three",
    ]);
    const small = new EventRing<StationEvent>(1);
    small.take(ring.partAfter(2));
    expect(namesOf(new EventFollower({ epoch: 1, sequence: 1 }, false).next(moment(small)))).toEqual([
      "reset",
    ]);
    const restarted = moment(ringOf("four"), { epoch: 2 });
    expect(namesOf(new EventFollower({ epoch: 1, sequence: 3 }, false).next(restarted))).toEqual(["reset"]);
  });

  it("waits for what another isolate knew a moment earlier, and not for what never was", () => {
    const ring = ringOf("one");
    const follower = new EventFollower({ epoch: 1, sequence: 2 }, false);
    const now = moment(ring);
    expect(follower.next(now)).toBe("");
    expect(follower.next(now)).toBe("");
    ring.push({ kind: "title", mount: live, title: "two" });
    ring.push({ kind: "title", mount: live, title: "three" });
    expect(namesOf(follower.next(moment(ring)))).toEqual(["three"]);
    const liar = new EventFollower({ epoch: 9, sequence: 9 }, false);
    expect(liar.next(moment(ring))).toBe("");
    expect(namesOf(liar.next(moment(ring)))).toEqual(["reset"]);
  });

  it("hears nothing of hidden mounts unless it may", () => {
    const ring = ringOf("one");
    const [guest, viewer] = [false, true].map(
      (hidden) => new EventFollower({ epoch: 1, sequence: 1 }, hidden),
    );
    ring.push({ kind: "title", mount: secret, title: "hidden" });
    ring.push({ kind: "source-on", status: statusOf(secret, "hidden too") });
    ring.push({ kind: "title", mount: live, title: "two" });
    expect(namesOf(guest?.next(moment(ring)) ?? "")).toEqual(["two"]);
    expect(namesOf(viewer?.next(moment(ring)) ?? "")).toEqual(["hidden", "hidden too", "two"]);
    const [reset] = framesOf(new EventFollower(null, true).next(moment(ring)));
    expect(reset?.data.mounts?.map(({ mount }) => mount)).toEqual([live, secret]);
  });

  it("is told everything anew when other mounts may be hidden", () => {
    const ring = ringOf("one");
    const follower = new EventFollower(null, false);
    follower.next(moment(ring));
    const open = moment(ring, { settingsVersion: "2", station: { mounts: {} } });
    expect(framesOf(follower.next(open))[0]?.data.mounts?.map(({ mount }) => mount)).toEqual([live, secret]);
  });

  it("is told nothing of a source's address or login", () => {
    const ring = new EventRing<StationEvent>(9);
    const status = statusOf(live);
    ring.push({ kind: "source-on", status });
    const text = new EventFollower({ epoch: 1, sequence: 0 }, true).next(moment(ring));
    expect(text).toContain("Harbour");
    expect(text).not.toContain("192.0.2.1");
  });

  it("loses no title however often it comes again, at whichever isolate", () => {
    const step = fc.record({
      titles: fc.nat(3),
      isolate: fc.nat(1),
      reconnects: fc.boolean(),
      syncs: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const directory = new EventRing<StationEvent>(1_000);
        const isolates = [0, 1].map(() => ({
          ring: new EventRing<StationEvent>(1_000),
          mounts: [] as MountStatus[],
        }));
        let lastId: EventId | null = { epoch: 1, sequence: 0 };
        let follower = new EventFollower(lastId, false);
        let at = isolates[0];
        const heard: string[] = [];
        const read = () => {
          if (!at) return;
          for (const { id, event, data } of framesOf(follower.next(moment(at.ring, { mounts: at.mounts })))) {
            expect(event).toBe("title");
            heard.push(data.title ?? "");
            lastId = id;
          }
        };
        const sync = (isolate: (typeof isolates)[number]) => {
          isolate.ring.take(directory.partAfter(isolate.ring.last));
          isolate.mounts = [];
        };
        for (const { titles, isolate, reconnects, syncs } of steps) {
          for (let i = 0; i < titles; i++) {
            directory.push({ kind: "title", mount: live, title: String(directory.last + 1) });
          }
          const other = isolates[isolate];
          if (syncs && other) sync(other);
          if (reconnects) {
            follower = new EventFollower(lastId, false);
            at = other;
            read();
          }
          // A second later the isolate has asked again.
          if (at) sync(at);
          read();
        }
        expect(heard).toEqual(Array.from({ length: directory.last }, (_, index) => String(index + 1)));
        expect(lastId && formatEventId(lastId)).toBe(`1-${directory.last}`);
      }),
    );
  });
});

describe("a follower of libraries, of which the directory has no events", () => {
  const music = mountPath("/music.mp3");
  const follow = (
    follower: EventFollower,
    ring: EventRing<StationEvent>,
    libraries: readonly MountStatus[],
  ) => framesOf(follower.next(moment(ring, { libraries })));

  it("gets them with the whole state, then what changes, without ids of their own", () => {
    const ring = ringOf();
    const follower = new EventFollower(null, false);
    const [reset] = follow(follower, ring, [statusOf(music, "one"), statusOf(secret, "one")]);
    expect(reset?.data.mounts?.map(({ mount }) => mount)).toEqual([live, music]);
    expect(follow(follower, ring, [statusOf(music, "one"), statusOf(secret, "two")])).toEqual([]);
    ring.push({ kind: "title", mount: live, title: "live" });
    const told = follow(follower, ring, [statusOf(music, "two"), statusOf(secret, "two")]);
    expect(told.map(({ id, event, data }) => [id === null, event, data.title])).toEqual([
      [false, "title", "live"],
      [true, "title", "two"],
    ]);
    expect(follow(follower, ring, []).map(({ event }) => event)).toEqual(["source-off"]);
  });
});
