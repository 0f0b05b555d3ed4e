import { describe, expect, it } from "vitest";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import type { SourceInfo } from "../../shared/source/source-info.ts";
import { millis, type MountPath } from "../../shared/units.ts";
import { shownMounts, sourceInfoOf } from "../../worker/stream-info.ts";

const source: SourceInfo = {
  name: "Source",
  genre: "Jazz",
  url: "https://source.example/",
  bitrate: "128",
  public: false,
  contentType: "audio/mpeg",
  ip: "192.0.2.1",
  protocol: "PUT",
};
const status = (mount: string): MountStatus => ({
  mount: mount as MountPath,
  source,
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
});

describe("what is shown of a source", () => {
  it("is its own word where the station says nothing", () => {
    expect(sourceInfoOf(source, undefined)).toBe(source);
    expect(sourceInfoOf(source, { hidden: true })).toEqual(source);
  });

  it("is the station's word before its own, field by field", () => {
    const rules = {
      public: true,
      stream: {
        name: "Station",
        description: "All day",
        type: "audio/x-mpeg",
        subtype: "mp3",
        genre: undefined,
      },
    };
    expect(sourceInfoOf(source, rules)).toEqual({
      ...source,
      name: "Station",
      description: "All day",
      contentType: "audio/x-mpeg",
      subtype: "mp3",
      public: true,
    });
  });

  it("is nothing where the mount is hidden, and a pattern names mounts too", () => {
    const station = edgeStationSchema.parse({
      mounts: { "/*.mp3": { stream: { genre: "All" } }, "/b.mp3": { hidden: true } },
    });
    const shown = shownMounts([status("/a.mp3"), status("/b.mp3"), status("/c.ogg")], station);
    expect(shown.map(({ mount, source: { genre } }) => [mount, genre])).toEqual([
      ["/a.mp3", "All"],
      ["/c.ogg", "Jazz"],
    ]);
  });
});
