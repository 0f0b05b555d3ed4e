import { describe, expect, it } from "vitest";
import { type LibraryEdition, libraryEditionSchema, type LibrarySlot } from "../../shared/library.ts";
import { LibrarySchedule } from "../../shared/library-schedule.ts";
import { spanOf } from "../../shared/library-times.ts";

const timeZone = "Europe/Berlin";
const always = { fromMs: Date.UTC(2026, 0, 1), untilMs: Number.POSITIVE_INFINITY };
const weekdays = [1, 2, 3, 4, 5];
const daily = [1, 2, 3, 4, 5, 6, 7];

const slot = (days: readonly number[], from: string, to: string): LibrarySlot => {
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { days: [...days], from: minutes(from), to: minutes(to), timeZone };
};

/** One rotation for each list of slots, and one for all other times: of a track each. */
function editionOf(...times: readonly (readonly LibrarySlot[])[]): LibraryEdition {
  const tracks = [...times, []].map((_, index) => ({
    id: String(index).padStart(32, "0"),
    title: `Rotation ${index}`,
    samples: 44_100 * 200,
  }));
  const rotations = [...times, undefined].map((each, index) => ({
    order: "random",
    tracks: [index],
    ...(each && { times: each }),
  }));
  return libraryEditionSchema.parse({
    version: 1,
    seed: 5,
    sampleRate: 44_100,
    channels: 2,
    tracks,
    rotations,
  });
}

const ms = (text: string): number => Date.parse(text);
const bounds = (edition: LibraryEdition, at: string): readonly string[] => {
  const { fromMs, untilMs } = spanOf(edition, always, ms(at)).bounds;
  return [fromMs, untilMs].map((each) =>
    each === Number.POSITIVE_INFINITY ? "" : new Date(each).toISOString(),
  );
};

describe("the times of rotations", () => {
  const day = editionOf([slot(weekdays, "06:00", "20:00")], [slot(daily, "23:00", "02:00")]);

  it.each([
    // A Friday in winter: an hour ahead of UTC.
    ["2026-01-09T05:00:00Z", "2026-01-09T05:00:00.000Z", "2026-01-09T19:00:00.000Z"],
    ["2026-01-09T18:59:59.999Z", "2026-01-09T05:00:00.000Z", "2026-01-09T19:00:00.000Z"],
    ["2026-01-09T19:00:00Z", "2026-01-09T19:00:00.000Z", "2026-01-09T22:00:00.000Z"],
    // Past midnight.
    ["2026-01-10T00:30:00Z", "2026-01-09T22:00:00.000Z", "2026-01-10T01:00:00.000Z"],
    // The weekend.
    ["2026-01-10T12:00:00Z", "2026-01-10T01:00:00.000Z", "2026-01-10T22:00:00.000Z"],
    // In summer two hours.
    ["2026-07-10T12:00:00Z", "2026-07-10T04:00:00.000Z", "2026-07-10T18:00:00.000Z"],
    // Clocks go forward on the 29th of March: that night's slot is an hour shorter.
    ["2026-03-29T00:30:00Z", "2026-03-28T22:00:00.000Z", "2026-03-29T01:00:00.000Z"],
    // And back on the 25th of October: it ends when two o'clock comes for the first time.
    ["2026-10-24T23:30:00Z", "2026-10-24T21:00:00.000Z", "2026-10-25T00:00:00.000Z"],
  ])("of %s begin and end by the clocks of their place", (at, from, until) => {
    expect(bounds(day, at)).toEqual([from, until]);
  });

  it("that clocks leap over begin when they do", () => {
    const edition = editionOf([slot([7], "02:30", "04:00")]);
    expect(bounds(edition, "2026-03-29T01:10:00Z")).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-29T02:00:00.000Z",
    ]);
  });

  it("that clocks leap over whole do not come, and the rotation before goes on", () => {
    const edition = editionOf([slot([7], "02:10", "02:40")]);
    for (const at of ["2026-03-23T00:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T00:00:00Z"]) {
      expect(bounds(edition, at)).toEqual(["2026-03-22T01:40:00.000Z", "2026-04-05T00:10:00.000Z"]);
    }
  });

  it("that are all times leave the edition one span", () => {
    const edition = editionOf([slot(daily, "00:00", "12:00"), slot(daily, "12:00", "00:00")]);
    expect(bounds(edition, "2026-05-05T12:34:56Z")).toEqual(["2026-01-01T00:00:00.000Z", ""]);
  });

  it("end with the edition", () => {
    const untilMs = ms("2026-01-09T12:00:00Z");
    const span = spanOf(day, { fromMs: ms("2026-01-09T09:00:00Z"), untilMs }, ms("2026-01-09T10:00:00Z"));
    expect(span.bounds).toEqual({ fromMs: ms("2026-01-09T09:00:00Z"), untilMs });
  });

  it.each(["2026-03-23", "2026-10-19"])("are the same for every moment of a span, from %s on", (date) => {
    let at = ms(date);
    for (const endMs = at + 14 * 86_400_000; at < endMs; ) {
      const { fromMs, untilMs } = spanOf(day, always, at).bounds;
      for (const part of [0, 0.01, 0.5, 0.99]) {
        const moment = Math.floor(fromMs + part * (untilMs - fromMs));
        expect(spanOf(day, always, moment).bounds).toEqual({ fromMs, untilMs });
      }
      expect(untilMs).toBeGreaterThan(at);
      at = untilMs;
    }
  });
});

describe("a library with parts of the day", () => {
  it("begins each with a track's beginning, and goes back where it was cut", () => {
    const edition = editionOf([slot(weekdays, "06:00", "20:00")]);
    const schedule = new LibrarySchedule([{ fromMs: always.fromMs, edition }]);
    const at = ms("2026-01-09T05:00:00Z");
    const first = schedule.playAt(at);
    expect(first).toMatchObject({ track: { title: "Rotation 0" }, startTick: 0, epoch: at });
    const before = first && schedule.before(first);
    expect(before?.track.title).toBe("Rotation 1");
    expect(before && schedule.after(before)).toEqual(first);
  });
});
