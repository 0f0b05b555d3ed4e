import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeTimedTag, timestampOf } from "../../shared/id3-timed.ts";

describe("the tag of a packed-audio segment", () => {
  it("has the bytes that RFC 8216 §3.4 asks for", () => {
    const bytes = Buffer.from(encodeTimedTag({ timestamp: 0x1_2345_6789, title: null }));
    expect(bytes.toString("latin1")).toBe(
      "ID3\x04\0\0\0\0\0\x3fPRIV\0\0\0\x35\0\0com.apple.streaming.transportStreamTimestamp\0" +
        "\0\0\0\x01\x23\x45\x67\x89",
    );
  });

  it("is read by ffmpeg, title in every script and address included", (context) => {
    const title = { text: "Björk – 안녕 🎧", url: "https://radio.example/?a=1&b=2" };
    const tag = encodeTimedTag({ timestamp: 900_000, title });
    const args = ["-v", "error", "-show_entries", "format_tags", "-f", "mp3", "-i", "-"];
    const frame = Buffer.concat([Uint8Array.of(0xff, 0xfb, 0x90, 0x40), Buffer.alloc(413)]);
    const input = Buffer.concat([tag, ...Array.from({ length: 20 }, () => frame)]);
    const { stdout, error } = spawnSync("ffprobe", args, { input });
    if (error) return context.skip("not installed: ffprobe");
    expect(stdout.toString()).toContain(`TAG:title=${title.text}`);
    expect(stdout.toString()).toContain("id3v2_priv.com.apple.streaming.transportStreamTimestamp");
  });

  it("never looks like a frame in its sizes", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        const tag = encodeTimedTag({ timestamp: 0, title: { text } });
        expect(tag.includes(0xff)).toBe(false);
      }),
    );
  });
});

describe("the time of a segment", () => {
  it("is exact after a day, in whole ticks, and begins anew after 33 bits", () => {
    const day = 86_400 * 44_100;
    expect(timestampOf(day, 44_100) - timestampOf(0, 44_100)).toBe(86_400 * 90_000);

    expect(timestampOf(2 ** 33, 90_000)).toBe(timestampOf(0, 90_000));
  });

  it("differs from the true one by less than a tick after a year, before the first sample too", () => {
    const samples = fc.integer({ min: -20_000, max: 365 * 86_400 * 48_000 });
    fc.assert(
      fc.property(samples, fc.constantFrom(8_000, 22_050, 44_100, 48_000), (count, rate) => {
        const exact = ((BigInt(count) * 90_000n) / BigInt(rate) + 900_000n) % 2n ** 33n;
        // BigInt rounds towards zero, the clock down.
        expect(Number(exact) - timestampOf(count, rate)).toBeLessThanOrEqual(1);
        expect(Number(exact) - timestampOf(count, rate)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
