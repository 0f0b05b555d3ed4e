import { describe, expect, it } from "vitest";
import { formatChange, formatWarnings } from "../../shared/format-warnings.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, type MountPath, sampleCount, sequence } from "../../shared/units.ts";

const segment = (sampleRate: number, channels?: 1 | 2): SegmentRef => ({
  epoch: epoch(1),
  sequence: sequence(0),
  startMs: millis(0),
  firstSample: sampleCount(0),
  samples: sampleCount(1_152),
  sampleRate,
  bytes: 417,
  titles: [],
  ...(channels === undefined ? {} : { channels }),
});
const status = (mount: string, sampleRate: number, channels: 1 | 2, change?: string): MountStatus => ({
  mount: mount as MountPath,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
  sampleRate,
  channels,
  ...(change === undefined ? {} : { formatChange: change }),
});

describe("warnings of formats", () => {
  it("tell the latest change within the window", () => {
    expect(formatChange([])).toBeUndefined();
    expect(formatChange([segment(44_100, 2), segment(44_100, 2)])).toBeUndefined();
    expect(formatChange([segment(44_100, 2), segment(44_100, 1), segment(48_000, 1)])).toBe(
      "44100 Hz mono to 48000 Hz mono",
    );
    // What nobody told is no change.
    expect(formatChange([segment(44_100), segment(44_100, 1)])).toBeUndefined();
  });

  it("come after one of what is no audio at all", () => {
    const clean = status("/clean.mp3", 44_100, 2);
    const dirty = { ...status("/dirty.mp3", 44_100, 2), garbageBytes: 1_234 };
    expect(formatWarnings([clean, { ...clean, garbageBytes: 0 }, dirty], {})).toEqual([
      { mount: "/dirty.mp3", text: expect.stringMatching(/ 1234 bytes which are no audio /) },
    ]);
  });

  it("name a fallback on air with another format, and no other", () => {
    const rules = {
      "/live.mp3": {
        fallbackOverride: "own",
        fallbackWhenFull: false,
        fallback: { kind: "mount", mount: "/b.mp3" as MountPath },
      },
    } as const;
    const live = status("/live.mp3", 44_100, 2);
    expect(formatWarnings([live, status("/b.mp3", 44_100, 2)], rules)).toEqual([]);
    expect(formatWarnings([live], rules)).toEqual([]);
    expect(formatWarnings([live, status("/b.mp3", 48_000, 1)], rules)).toEqual([
      {
        mount: "/live.mp3",
        text: "is 44100 Hz stereo, its fallback /b.mp3 is 48000 Hz mono: some players stumble",
      },
    ]);
    const changed = status("/c.mp3", 48_000, 1, "44100 Hz stereo to 48000 Hz mono");
    expect(formatWarnings([changed], {})[0]?.text).toContain("changed its format from 44100 Hz stereo");
  });
});
