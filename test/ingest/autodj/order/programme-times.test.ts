import { expect, test } from "vitest";
import { parseSlot } from "../../../../config/dj-slot.ts";
import { millis } from "../../../../shared/units.ts";
import { ids, jingle, minute, programmeOf, rotation } from "./settings.ts";

/** When the rotation changes, with a track each minute: the moment and what begins. */
function changes(
  slots: Readonly<Record<string, readonly string[]>>,
  { timeZone, from, hours }: { readonly timeZone: string; readonly from: string; readonly hours: number },
): string[] {
  const programme = programmeOf(
    {
      rotations: Object.entries(slots).map(([name, texts]) =>
        rotation(name, { slots: texts.map((text) => parseSlot(text, timeZone)) }),
      ),
    },
    Object.fromEntries(Object.keys(slots).map((name) => [name, ids(name, 3)])),
  );
  const found: string[] = [];
  let last: string | undefined;
  for (let at = Date.parse(from); at < Date.parse(from) + hours * 60 * minute; at += minute) {
    const name = programme.next(millis(at))?.rotation ?? "nothing";
    if (name !== last) found.push(`${new Date(at).toISOString().slice(0, 16)} ${name}`);
    last = name;
  }
  return found;
}

const dayAndNight = { day: ["daily 06:00-20:00"], night: ["daily 20:00-06:00"] };

test("a day in Seoul, where clocks never change", () => {
  expect(changes(dayAndNight, { timeZone: "Asia/Seoul", from: "2026-11-20T15:00Z", hours: 24 })).toEqual([
    "2026-11-20T15:00 night",
    "2026-11-20T21:00 day",
    "2026-11-21T11:00 night",
  ]);
});

test("Berlin's clocks go forward in the night of 29 March, and back in that of 25 October", () => {
  const timeZone = "Europe/Berlin";
  expect(changes(dayAndNight, { timeZone, from: "2026-03-28T12:00Z", hours: 24 })).toEqual([
    "2026-03-28T12:00 day",
    "2026-03-28T19:00 night",
    "2026-03-29T04:00 day",
  ]);
  expect(changes(dayAndNight, { timeZone, from: "2026-10-24T12:00Z", hours: 24 })).toEqual([
    "2026-10-24T12:00 day",
    "2026-10-24T18:00 night",
    "2026-10-25T05:00 day",
  ]);
});

test("New York's clocks change at 2 on 8 March and 1 November: an hour that is not there, and one that is there twice", () => {
  const timeZone = "America/New_York";
  const hours = { one: ["daily 00:00-02:30"], two: ["daily 02:30-04:00"], rest: ["daily 04:00-24:00"] };
  expect(changes(hours, { timeZone, from: "2026-03-08T04:00Z", hours: 6 })).toEqual([
    "2026-03-08T04:00 rest",
    "2026-03-08T05:00 one",
    "2026-03-08T07:00 two",
    "2026-03-08T08:00 rest",
  ]);
  const twice = { one: ["daily 00:00-01:30"], two: ["daily 01:30-04:00"], rest: ["daily 04:00-24:00"] };
  expect(changes(twice, { timeZone, from: "2026-11-01T03:00Z", hours: 8 })).toEqual([
    "2026-11-01T03:00 rest",
    "2026-11-01T04:00 one",
    "2026-11-01T05:30 two",
    "2026-11-01T09:00 rest",
  ]);
});

test("times past midnight belong to the day they begin on, and outside all times there is nothing", () => {
  const party = { party: ["Fri,Sat 22:00-04:00"] };
  expect(changes(party, { timeZone: "Europe/Berlin", from: "2026-06-05T12:00Z", hours: 72 })).toEqual([
    "2026-06-05T12:00 nothing",
    "2026-06-05T20:00 party",
    "2026-06-06T02:00 nothing",
    "2026-06-06T20:00 party",
    "2026-06-07T02:00 nothing",
  ]);
});

test("rotations of different places change by their own clocks", () => {
  const slots = {
    seoul: ["daily 08:00-09:00 Asia/Seoul"],
    berlin: ["daily 01:00-24:00 Europe/Berlin", "daily 00:00-01:00 Europe/Berlin"],
  };
  // 08:00 in Seoul is 23:00 UTC; both take part, by turns.
  const found = changes(slots, { timeZone: "UTC", from: "2026-01-10T22:58Z", hours: 0.1 });
  expect(found.slice(0, 3)).toEqual([
    "2026-01-10T22:58 berlin",
    "2026-01-10T23:00 seoul",
    "2026-01-10T23:01 berlin",
  ]);
});

test("a track that is on when its time ends is followed by what is on then", () => {
  const slots = { slots: [parseSlot("daily 12:00-13:00", "UTC")] };
  const programme = programmeOf(
    { rotations: [rotation("noon", slots), rotation("always")] },
    { noon: ["n"] },
  );
  const at = (time: string) => programme.next(millis(Date.parse(`2026-05-05T${time}Z`)))?.id ?? null;
  expect(["11:59:59.999", "12:00", "12:59:59.999", "13:00", "12:30"].map(at)).toEqual([
    null,
    "n",
    "n",
    null,
    "n",
  ]);
});

test("a jingle has times of its own, and comes with their beginning where it has waited", () => {
  const evening = jingle({ everyTracks: 2, slots: [parseSlot("daily 20:00-21:00", "UTC")] });
  const programme = programmeOf(
    { rotations: [rotation("music")], jingles: [evening] },
    { music: ids("music", 5), "jingle 1": ["j"] },
  );
  const at = (time: string) => programme.next(millis(Date.parse(`2026-05-05T${time}Z`)))?.kind[0];
  const times = [
    "19:50",
    "19:53",
    "19:56",
    "19:59",
    "20:02",
    "20:03",
    "20:06",
    "20:09",
    "20:59",
    "21:00",
    "21:03",
  ];
  expect(times.map(at).join("")).toBe("ttttjttjttt");
});
