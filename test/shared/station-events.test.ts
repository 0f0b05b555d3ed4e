import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { compareEventIds, formatEventId, parseEventId, statusEvents } from "../../shared/station-events.ts";
import { millis } from "../../shared/units.ts";

const mount = mountPath("/live.mp3");
const status: MountStatus = {
  mount,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
  streamStartMs: millis(1),
  listeners: 1,
  listenerPeak: 2,
  onAir: true,
  title: "one",
};
const kinds = (before: MountStatus | undefined, after: MountStatus | null) =>
  statusEvents(before, after).map(({ event }) => event.kind);

describe("what happens to a mount", () => {
  it("is nothing from one status to the same, whatever the bit rate of the last segment", () => {
    expect(kinds(status, { ...status, bitrateKbps: 127, garbageBytes: 3 })).toEqual([]);
    expect(kinds(undefined, null)).toEqual([]);
  });

  it("is told once each: a source, its end, another source at once", () => {
    expect(kinds(undefined, status)).toEqual(["source-on"]);
    expect(kinds(status, null)).toEqual(["source-off"]);
    expect(kinds(status, { ...status, streamStartMs: millis(2), title: "two" })).toEqual(["source-on"]);
  });

  it("is told of each that has changed, counts and formats by a key", () => {
    const after = { ...status, title: "two", listeners: 0, sampleRate: 44_100 };
    expect(statusEvents(status, after)).toEqual([
      { event: { kind: "format", status: after }, key: `format ${mount}` },
      { event: { kind: "title", mount, title: "two" }, key: null },
      { event: { kind: "listeners", mount, listeners: 0, listenerPeak: 2 }, key: `listeners ${mount}` },
    ]);
    const { title: _, ...untitled } = status;
    expect(statusEvents(status, untitled)).toEqual([
      { event: { kind: "title", mount, title: null }, key: null },
    ]);
  });
});

describe("an event's name", () => {
  const id = fc.record({ epoch: fc.nat(), sequence: fc.nat() });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(id, (each) => {
        expect(parseEventId(formatEventId(each))).toEqual(each);
      }),
    );
  });

  it.each(["", "1", "1-", "-1", "1-2-3", "a-b", "1-1e3", "9999999999999999-1", " 1-2"])(
    "is not %j",
    (text) => {
      expect(parseEventId(text)).toBeNull();
    },
  );

  it("comes after those of epochs before, and of the same epoch in order", () => {
    const ids = [
      { epoch: 1, sequence: 9 },
      { epoch: 2, sequence: 1 },
      { epoch: 2, sequence: 2 },
    ];
    expect(ids.toReversed().toSorted(compareEventIds)).toEqual(ids);
  });
});
