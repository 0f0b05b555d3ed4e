import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  editionName,
  type EditionTrack,
  makeEdition,
  playsTheSame,
  stillHeard,
  withEdition,
} from "../../../ingest/library/edition.ts";
import { withoutTracks } from "../../../ingest/library/remove.ts";
import {
  type CurrentEditions,
  currentEditionsSchema,
  editionKeepMs,
  editionLeadMs,
  libraryEditionSchema,
} from "../../../shared/library.ts";

const track = (number: number, more: Partial<EditionTrack> = {}): EditionTrack => ({
  id: String(number).padStart(32, "0"),
  title: `Track ${number}`,
  samples: 44_100 * number,
  sampleRate: 44_100,
  channels: 2,
  weight: 1,
  ...more,
});
const content = {
  seed: 7,
  format: { sampleRate: 44_100, channels: 2 },
  tracks: [track(1), track(2, { weight: 3 }), track(3)],
  jingles: [track(4), track(1)],
  rules: { order: "random", memory: 5, everyTracks: 2 },
} as const;

describe("an edition", () => {
  it("names each stored file once, music and jingles by their places", () => {
    const edition = makeEdition(content);
    expect(libraryEditionSchema.parse(edition)).toEqual(edition);
    expect(edition.tracks.map(({ title, weight }) => [title, weight])).toEqual([
      ["Track 1", undefined],
      ["Track 2", 3],
      ["Track 3", undefined],
      ["Track 4", undefined],
    ]);
    expect(edition.rotations).toEqual([{ order: "random", memory: 5, tracks: [0, 1, 2] }]);
    expect(edition.jingles).toEqual({ everyTracks: 2, order: "random", tracks: [3, 0] });
  });

  it("is the same whatever order its fields have, and another with another title", () => {
    const { tracks, ...rest } = makeEdition(content);
    expect(playsTheSame({ tracks, ...rest }, { ...rest, tracks })).toBe(true);
    expect(playsTheSame({ tracks, ...rest }, { ...rest, tracks: tracks.toReversed() })).toBe(false);
    const renamed = makeEdition({
      ...content,
      tracks: [track(1, { title: "x" }), ...content.tracks.slice(1)],
    });
    expect(playsTheSame(makeEdition(content), renamed)).toBe(false);
  });

  it("without some tracks has the others in their places; without any music there is none", () => {
    const edition = makeEdition(content);
    const left = withoutTracks(edition, new Set([0]));
    expect(left?.tracks.map(({ title }) => title)).toEqual(["Track 2", "Track 3", "Track 4"]);
    expect(left?.rotations[0]?.tracks).toEqual([0, 1]);
    expect(left?.jingles?.tracks).toEqual([2]);
    expect(withoutTracks(edition, new Set([0, 3]))?.jingles).toBeUndefined();
    expect(withoutTracks(edition, new Set([0, 1, 2]))).toBeNull();
  });

  it("has a name that keys may have, that sorts by time", () => {
    expect(editionName(Date.UTC(2026, 10, 21, 14, 3, 5, 9), "0123456789abcdef")).toBe(
      "20261121T140305Z-01234567",
    );
  });
});

describe("current.json", () => {
  const now = 1_800_000_000_000;

  it("the first edition plays at once, the next when everybody knows", () => {
    const first = withEdition(null, "a", now);
    expect(first.editions).toEqual([{ id: "a", fromMs: now }]);
    expect(withEdition(first, "b", now + 5).editions).toEqual([
      { id: "a", fromMs: now },
      { id: "b", fromMs: now + 5 + editionLeadMs },
    ]);
  });

  it("waits for a border, and takes the place of what would begin later", () => {
    const first = withEdition(null, "a", now);
    const second = withEdition(first, "b", now + 5, (ms) => ms + 60_000);
    expect(second.editions.at(-1)).toEqual({ id: "b", fromMs: now + 5 + editionLeadMs + 60_000 });
    expect(withEdition(second, "c", now + 10).editions).toEqual([
      { id: "a", fromMs: now },
      { id: "c", fromMs: now + 10 + editionLeadMs },
    ]);
    // Of an uploader whose clock is behind, what plays stays.
    const behind = now - 3_600_000;
    expect(withEdition(first, "c", behind).editions).toEqual([
      { id: "a", fromMs: now },
      { id: "c", fromMs: now + 1 },
    ]);
  });

  it("leaves out what nobody hears any more, never what plays", () => {
    const editions = [
      { id: "a", fromMs: now - 2 * editionKeepMs },
      { id: "b", fromMs: now - editionKeepMs },
      { id: "c", fromMs: now - editionKeepMs + 1 },
    ];
    expect(stillHeard({ version: 1, editions }, now).map(({ id }) => id)).toEqual(["b", "c"]);
    expect(stillHeard({ version: 1, editions: editions.slice(0, 1) }, now)).toHaveLength(1);
    expect(stillHeard(null, now)).toEqual([]);
  });

  it("however often it changes: valid, what plays is named, and the newest comes last", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 150 }),
        (waits) => {
          let current: CurrentEditions | null = null;
          let at = now;
          for (const [index, wait] of waits.entries()) {
            at += wait;
            const before: CurrentEditions | null = current;
            current = currentEditionsSchema.parse(withEdition(before, `e${index}`, at));
            expect(current.editions.at(-1)?.id).toBe(`e${index}`);
            const playing = before?.editions.findLast(({ fromMs }) => fromMs <= at);
            if (playing) expect(current.editions).toContainEqual(playing);
          }
        },
      ),
    );
  });
});
