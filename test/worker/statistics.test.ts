import { beforeEach, expect, it, vi } from "vitest";
import { noSecrets } from "../../shared/edge-secrets.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { millis } from "../../shared/units.ts";
import { metricsCallsAtOnce } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";

const onAir = vi.hoisted(() => ({ mounts: [] as MountStatus[] }));
vi.mock(import("../../worker/directory.ts"), async (original) => ({
  ...(await original()),
  directoryListing: async () => ({ startedMs: 0, mounts: onAir.mounts }) as never,
  stationOf: async () => edgeStationSchema.parse({}),
  secretsOf: async () => noSecrets,
  isKnownMount: async () => true,
}));
vi.mock("cloudflare:workers", () => ({ DurableObject: Object }));
const { icecastStatistics } = await import("../../worker/statistics.ts");

const statusOf = (index: number, listenerPeak: number): MountStatus => ({
  mount: mountPath(`/${String(index).padStart(4, "0")}.mp3`),
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak,
  onAir: true,
});

beforeEach(() => {
  vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
});

it("asks the rosters of mounts that were heard, some at a time, also of those that nobody hears any more", async () => {
  const heard = 100;
  onAir.mounts = Array.from({ length: 1_000 }, (_, index) => statusOf(index, index < heard ? 1 : 0));
  const asked: string[] = [];
  let [atOnce, most] = [0, 0];
  const getByName = (name: string) => ({
    async audience() {
      asked.push(name);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 1));
      atOnce--;
      if (name === "/0001.mp3") throw new Error("the roster has moved");
      return { sessions: 1, uniqueToday: 1, byCountry: {}, bytesSent: 7, slowListeners: 0 };
    },
    counters: async () => ({ listenerConnections: 0, sourceConnections: 0, bytesSent: 0, slowListeners: 0 }),
  });
  const env = { ROSTER: { getByName }, LEDGER: { getByName } };
  const { sources } = await icecastStatistics({ env, keepAlive: () => undefined } as unknown as Host);
  expect(asked.toSorted()).toEqual(onAir.mounts.slice(0, heard).map(({ mount }) => mount));
  expect(most).toBeLessThanOrEqual(metricsCallsAtOnce);
  const sent = [0, 1, heard].map((index) => sources.get(statusOf(index, 0).mount)?.get("total_bytes_sent"));
  expect(sent).toEqual(["7", "0", "0"]);
});
