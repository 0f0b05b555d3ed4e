import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { broadcastName, checkNamePattern, uniqueName } from "../../shared/broadcast-name.ts";
import { mountPath } from "../../shared/mount-path.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import { strftime } from "../../shared/strftime.ts";

const mount = mountPath("/deep/live.mp3");
const fields =
  "%a %A %b %B %c %C %d %D %e %F %g %G %H %I %j %k %l %m %M %p %P %r %R %s %S %T %u %U %V %w %W %x %X %y %Y %z %-d %-H %%";

describe("strftime", () => {
  it.each(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"])(
    "writes what date(1) writes in %s",
    (timeZone) => {
      const seconds = fc.sample(fc.integer({ min: 0, max: 2_500_000_000 }), 200);
      // A winter's and a summer's hour that come twice and never in Berlin.
      seconds.push(1_792_886_400, 1_792_890_000, 1_774_745_999, 1_774_746_000);
      const expected = execFileSync("date", ["-f", "-", `+${fields}`], {
        input: seconds.map((second) => `@${second}`).join("\n"),
        env: { TZ: timeZone, LC_ALL: "C", PATH: process.env["PATH"] },
      });
      const written = seconds.map((second) => strftime(fields, second * 1_000 + 999, timeZone));
      expect(written.join("\n")).toBe(expected.toString().trimEnd());
    },
  );

  it("refuses fields that C does not have, and time zones that nobody knows", () => {
    expect(() => strftime("%Q", 0, "UTC")).toThrow(ProtocolError);
    expect(() => strftime("100%", 0, "UTC")).toThrow(ProtocolError);
    expect(() => strftime("%F", 0, "Mars/Olympus")).toThrow(ProtocolError);
  });
});

describe("a broadcast's name", () => {
  const at = Date.UTC(2026, 6, 1, 22, 30);

  it("is its start in the station's time zone", () => {
    expect(broadcastName({ pattern: "%FT%T.mp3", timeZone: "UTC" }, at, mount)).toBe(
      "2026-07-01T22:30:00.mp3",
    );
    expect(broadcastName({ pattern: "%FT%T%z.mp3", timeZone: "Europe/Berlin" }, at, mount)).toBe(
      "2026-07-02T00:30:00+0200.mp3",
    );
  });

  it("may have its mount in it, of which nothing is a field", () => {
    const odd = mountPath("/100%T.mp3");
    expect(broadcastName({ pattern: "${mount} %F", timeZone: "UTC" }, at, odd)).toBe("100%T.mp3 2026-07-01");
    expect(broadcastName({ pattern: "${mount}-%F", timeZone: "UTC" }, at, mount)).toBe(
      "deep-live.mp3-2026-07-01",
    );
  });

  it.each([
    "",
    ".%F",
    "..",
    "%D.mp3",
    "a/b",
    "a\\b",
    "a%nb",
    "a%tb",
    "%F ",
    "%F.",
    "<%F>",
    "%Q",
    "x".repeat(201),
  ])("is refused where no file may be called so: %j", (pattern) =>
    expect(() => checkNamePattern({ pattern, timeZone: "UTC" })).toThrow(ProtocolError),
  );

  it("is one component of a path, or refused, whatever the pattern", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 0, max: 4e12 }), (pattern, ms) => {
        try {
          const name = broadcastName({ pattern, timeZone: "Asia/Tokyo" }, ms, mount);
          expect(name).toMatch(/^[^./\\\0][^/\\\0]*$/u);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  it("is made another than all that are taken, before its extension", () => {
    const taken = new Set<string>();
    const names = ["a.mp3", "a.mp3", "a-2.mp3", "a.mp3", "plain", "plain"].map((name) => {
      const unique = uniqueName(name, (other) => taken.has(other));
      taken.add(unique);
      return unique;
    });
    expect(names).toEqual(["a.mp3", "a-2.mp3", "a-2-2.mp3", "a-3.mp3", "plain", "plain-2"]);
  });
});
