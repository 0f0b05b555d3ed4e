import { beforeEach, describe, expect, it, vi } from "vitest";
import { type EdgeStation, edgeStationSchema } from "../../shared/edge-station.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { Host } from "../../worker/mount-feed.ts";

const settings = vi.hoisted(() => ({ station: undefined as EdgeStation | undefined, known: ["/main.mp3"] }));
vi.mock(import("../../worker/directory.ts"), async (original) => ({
  ...(await original()),
  stationOf: async () => settings.station as EdgeStation,
  isKnownMount: async (mount) => settings.known.includes(mount),
}));
const { takeOver } = await import("../../worker/take-over.ts");

const guest = mountPath("/guest.mp3");
const ordered = vi.fn<(mount: string, order: unknown) => void>();
const getByName = (name: string) => ({ orderListeners: async (order: unknown) => ordered(name, order) });
const host = { env: { MOUNT: { getByName } } } as unknown as Host;
const stationWith = (mounts: Record<string, unknown>) => edgeStationSchema.parse({ mounts });
const fallback = { kind: "mount", mount: "/main.mp3" };

describe("a mount that takes over those of its fallback", () => {
  beforeEach(() => {
    ordered.mockClear();
    settings.known = ["/main.mp3"];
  });

  it("has them moved when a pattern alone says so", async () => {
    settings.station = stationWith({ "/*": { fallback, fallbackOverride: "all" } });
    await takeOver(guest, host);
    const order = { kind: "move", listener: null, to: guest };
    expect(ordered.mock.calls).toEqual([["/main.mp3", order]]);
    // It is its own fallback by the same pattern.
    await takeOver(mountPath("/main.mp3"), host);
    expect(ordered).toHaveBeenCalledTimes(1);
  });

  it.each([
    [
      "a named mount, which they watch for",
      { "/*": { fallback, fallbackOverride: "all" }, "/guest.mp3": {} },
    ],
    ["other rules", { "/*": { fallback, fallbackOverride: "own" } }],
    ["a file", { "/*": { fallback: { kind: "silence" }, fallbackOverride: "all" } }],
  ])("moves nobody for %s", async (_, mounts) => {
    settings.station = stationWith(mounts);
    await takeOver(guest, host);
    expect(ordered).not.toHaveBeenCalled();
  });

  it("makes no object of a fallback that never was", async () => {
    settings.station = stationWith({ "/*": { fallback, fallbackOverride: "all" } });
    settings.known = [];
    await takeOver(guest, host);
    expect(ordered).not.toHaveBeenCalled();
  });
});
