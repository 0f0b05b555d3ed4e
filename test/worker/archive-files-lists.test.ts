import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, it } from "vitest";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { mountPath, MountPathError } from "../../shared/mount-path.ts";
import { epoch, millis, type MountPath } from "../../shared/units.ts";
import { archivePath, parseArchivePath } from "../../worker/archive/addresses.ts";
import { dayOf } from "../../worker/archive/civil-day.ts";
import { spanOf } from "../../worker/archive/cuts.ts";
import { feedXml } from "../../worker/archive/feed.ts";
import { listBroadcasts, listedMounts, parseCursor } from "../../worker/archive/list.ts";
import type { BroadcastFilter, NamedBroadcast } from "../../worker/archive/reader.ts";
import { disposition } from "../../worker/archive/replies.ts";
import type { Host } from "../../worker/mount-feed.ts";

const live = "/live.mp3" as MountPath;
const none = new URLSearchParams();

describe("an address of the archive", () => {
  it.each([
    ["/archive/live.mp3/a.mp3", "", { kind: "file", mount: live, names: ["a.mp3", "a"] }],
    [
      "/archive/live.mp3/2026-11-21T10%3A00%3A00.cue",
      "",
      { kind: "cue", mount: live, names: ["2026-11-21T10:00:00.mp3", "2026-11-21T10:00:00"] },
    ],
    ["/archive/a/b/c%20d/e%25.json", "", { kind: "json", mount: "/a/b/c d", names: ["e%.mp3", "e%"] }],
    ["/archive/live.mp3/feed.xml", "", { kind: "feed", mount: live }],
    ["/archive/live.mp3", "from=x", { kind: "cut", mount: live }],
    ["/archive/live.mp3", "to=x", { kind: "cut", mount: live }],
    ["/archive/live.mp3", "", null],
    ["/archive/live.mp3/a.ogg", "", null],
    ["/archive/a%2Fb/c.mp3", "", null],
    ["/archive/live.mp3/%ff.mp3", "", null],
    ["/archive/archive/x/a.mp3", "", null],
    ["/archive//a.mp3", "", null],
    ["/archive/", "from=x", null],
  ])("%s?%s", (path, query, address) => {
    expect(parseArchivePath(path, new URLSearchParams(query))).toEqual(address);
  });

  it("leads back to the recording it is of, whatever mount and name are", () => {
    const mounts = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => {
      try {
        return mountPath(`/${text}`);
      } catch (error) {
        if (error instanceof MountPathError) return live;
        throw error;
      }
    });
    const names = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((name) => !/[/\p{Cc}]|^\.|^feed$/u.test(name));
    fc.assert(
      fc.property(mounts, names, fc.constantFrom("", ".mp3"), (mount, stem, ending) => {
        const name = stem + ending;
        // As it arrives: browsers and proxies read it as a URL.
        const { pathname } = new URL(archivePath(mount, name), "http://x");
        expect(parseArchivePath(pathname, none)).toMatchObject({
          kind: "file",
          mount,
          names: expect.arrayContaining([name]) as unknown,
        });
      }),
    );
  });
});

describe("a list of broadcasts", () => {
  const mounts = ["/a", "/b", "/c"] as MountPath[];
  const broadcast = (mount: MountPath, id: number, startMs: number) =>
    ({
      mount,
      id: epoch(id),
      startMs: millis(startMs),
      endMs: startMs + 10,
      titles: [] as unknown,
    }) as NamedBroadcast;

  /** Each mount's archive gives two at a time, whatever is asked for. */
  const readerOf = (all: readonly NamedBroadcast[]) => ({
    broadcasts: (mount: MountPath, { fromMs = millis(0), toMs = millis(1e9), cursor }: BroadcastFilter) => {
      const own = all
        .filter((each) => each.mount === mount && each.startMs < toMs && (each.endMs ?? 1e9) > fromMs)
        .filter(({ id }) => cursor === undefined || id < Number(cursor))
        .toSorted((a, b) => b.id - a.id);
      const page = own.slice(0, 2);
      return Promise.resolve({ broadcasts: page, cursor: own.length > 2 ? String(page.at(-1)?.id) : null });
    },
  });

  it("of several mounts has each once, newest first, however it is paged", async () => {
    const starts = fc.array(fc.nat(20), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(starts, starts, starts),
        fc.integer({ min: 1, max: 5 }),
        async (perMount, limit) => {
          const all = perMount.flatMap((times, at) =>
            times
              .toSorted((a, b) => a - b)
              .map((startMs, id) => broadcast(mounts[at] ?? live, id + 1, startMs)),
          );
          const found: NamedBroadcast[] = [];
          let cursor: string | null = null;
          do {
            const after: ReturnType<typeof parseCursor> = cursor === null ? null : parseCursor(cursor);
            const page = await listBroadcasts(
              mounts,
              { fromMs: null, toMs: null, limit, after },
              { reader: readerOf(all), host: {} as Host },
            );
            found.push(...page.broadcasts);
            cursor = page.cursor;
          } while (cursor !== null);
          const order = (a: NamedBroadcast, b: NamedBroadcast) =>
            b.startMs - a.startMs || a.mount.localeCompare(b.mount) || b.id - a.id;
          expect(found).toEqual(all.toSorted(order));
        },
      ),
    );
  });

  it("has fewer on a page where they have very many titles, and all of them on all pages", async () => {
    const titles = Array.from({ length: 6_000 }, () => ({}));
    const all = mounts.flatMap((mount) =>
      [1, 2, 3].map((id) => ({ ...broadcast(mount, id, id * 10), titles }) as unknown as NamedBroadcast),
    );
    const sizes: number[] = [];
    const found: NamedBroadcast[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const after: ReturnType<typeof parseCursor> = cursor === "" ? null : parseCursor(cursor);
      const filter = { fromMs: null, toMs: null, limit: 100, after };
      const page = await listBroadcasts(mounts, filter, { reader: readerOf(all), host: {} as Host });
      sizes.push(page.broadcasts.length);
      found.push(...page.broadcasts);
      ({ cursor } = page);
    }
    expect(Math.max(...sizes)).toBe(3);
    expect(new Set(found).size).toBe(9);
    expect(found).toHaveLength(9);
  });

  it("leaves out mounts that are hidden or nobody may ask for", () => {
    const station = edgeStationSchema.parse({ mounts: { "/a": { hidden: true }, "/b*": { noMount: true } } });
    expect(listedMounts([...mounts, ...mounts].toReversed(), station)).toEqual(["/c"]);
  });

  it.each(["", "x", "1.1", "1.1.live", "-1.1./a"])("has no page after %j", (cursor) => {
    expect(parseCursor(cursor)).toBeNull();
  });
});

describe("a day", () => {
  it.each([
    ["2026-11-21", "UTC", "2026-11-21T00:00:00Z", 24],
    ["2026-11-21", "Asia/Seoul", "2026-11-20T15:00:00Z", 24],
    ["2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", 23],
    ["2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", 25],
    ["2026-01-01", "America/New_York", "2026-01-01T05:00:00Z", 24],
  ])("%s in %s", (text, zone, from, hours) => {
    const day = dayOf(text, zone);
    expect(day && new Date(day.fromMs).toISOString()).toBe(new Date(from).toISOString());
    expect(day && (day.toMs - day.fromMs) / 3_600_000).toBe(hours);
  });

  it.each(["2026-02-30", "2026-13-01", "today", "", "2026-1-1"])("is not %j", (text) => {
    expect(dayOf(text, "UTC")).toBeNull();
  });
});

describe("a cut's moments", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  const earliestMs = millis(Date.parse("2026-11-01T00:00:00Z"));
  const of = (query: string, earliest: typeof earliestMs | null = earliestMs) =>
    spanOf(new URLSearchParams(query), { mount: live, now, earliestMs: earliest });

  it("may be left open at the end", () => {
    expect(of("from=2026-11-21T11:00:00Z")).toEqual({ kind: "span", fromMs: now - 3_600_000, toMs: now });
    expect(of("from=2026-11-21T20:00:00+09:00&to=2999-01-01T00:00:00Z")).toMatchObject(
      expect.stringContaining("at most 25 hours") as object,
    );
  });

  it.each([
    ["to=2026-11-21T11:00:00Z", "from must be a moment such as 2026-11-21T10:00:00Z, got none"],
    ["from=1", 'got "1"'],
    ["from=2026-11-21T11:00:00Z&to=2026-11-21T10:00:00Z", "from must be before to"],
    ["from=2026-11-21T13:00:00Z", "must be in the past"],
    ["from=2026-11-01T00:00:00Z", "at most 25 hours"],
  ])("%s: %s, and it says where the archive begins", (query, message) => {
    expect(of(query)).toContain(message);
    expect(of(query)).toContain("the archive of /live.mp3 begins at 2026-11-01T00:00:00.000Z");
  });

  it("before all that is kept are nothing's", () => {
    const query = "from=2026-10-31T00:00:00Z&to=2026-10-31T01:00:00Z";
    expect(of(query)).toEqual({
      kind: "absent",
      message:
        "nothing from 2026-10-31T00:00:00.000Z is kept; the archive of /live.mp3 begins at 2026-11-01T00:00:00.000Z",
    });
    expect(of(query, null)).toEqual({ kind: "absent", message: "nothing of /live.mp3 is in the archive" });
  });
});

describe("a podcast", () => {
  it("is well-formed XML that says what it was told, whatever that is", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, (title, url) => {
        const item = {
          title,
          description: title,
          url,
          length: 5,
          durationMs: 1_000,
          startMs: 0,
          guid: title,
        };
        const xml = feedXml({
          title,
          description: title,
          link: url,
          self: url,
          author: title,
          category: title,
          items: [item],
        });
        const titles: string[] = [];
        const urls: string[] = [];
        let open = "";
        const parser = new SaxesParser({ xmlns: true });
        parser.on("error", (error) => {
          throw error;
        });
        parser.on("opentag", ({ name, attributes }) => {
          open = name;
          if (name === "enclosure") urls.push(attributes["url"]?.value ?? "");
        });
        parser.on("text", (value) => {
          if (open === "title") titles.push(value);
        });
        parser.on("closetag", () => {
          open = "";
        });
        parser.write(xml).close();
        const held = (value: string) =>
          // oxlint-disable-next-line no-control-regex -- what XML cannot hold
          value.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
        expect(titles).toEqual(title === "" ? [] : [held(title), held(title)]);
        expect(urls).toEqual([held(url)]);
      }),
    );
  });
});

describe("the name that a file is saved under", () => {
  it.each([
    [
      "2026-11-21T10:00:00.mp3",
      `inline; filename="2026-11-21T10:00:00.mp3"; filename*=UTF-8''2026-11-21T10%3A00%3A00.mp3`,
    ],
    [`ü"\\'(1)*.mp3`, `inline; filename="___'(1)*.mp3"; filename*=UTF-8''%C3%BC%22%5C%27%281%29%2A.mp3`],
  ])("%s", (name, header) => {
    expect(disposition("inline", name)).toBe(header);
    expect(new Headers({ "Content-Disposition": header }).get("Content-Disposition")).toBe(header);
  });
});
