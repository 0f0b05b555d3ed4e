import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { edgeStationSchema } from "../../../shared/edge-station.ts";
import type { HlsContent } from "../../../shared/hls-timeline.ts";
import type { MountPath } from "../../../shared/units.ts";
import type { Host } from "../../../worker/mount-feed.ts";
import { fakeStorage } from "../../support/fake-storage.ts";

const mount = "/shows/a.mp3" as MountPath;
const station = edgeStationSchema.parse({
  mounts: { "/shows/*": { fallback: { kind: "mount", mount: "/live.mp3" } } },
});

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    constructor(ctx: unknown) {
      this.ctx = ctx;
    }
  },
}));
vi.mock("../../../worker/directory.ts", () => ({
  isKnownMount: () => Promise.resolve(false),
  stationOf: () => Promise.resolve(station),
  knownStation: () => station,
  secretsOf: () => Promise.resolve({ listeners: {} }),
}));
const { HlsObject } = await import("../../../worker/hls/hls-object.ts");
const { hlsReply } = await import("../../../worker/hls/hls-reply.ts");
const { parseHlsPath } = await import("../../../worker/hls/hls-path.ts");
const { maxDvrMs } = await import("../../../worker/hls/limits.ts");
const { signToken } = await import("../../../worker/hls/token.ts");

const hostOf = (object: unknown): Host => {
  const env = { HLS: { getByName: () => object } };
  return { env, hostname: "station.test", keepAlive: () => undefined } as unknown as Host;
};

const ask = async (address: string, host: Host): Promise<Response> => {
  const request = new Request(`http://station.test${address}`);
  const path = parseHlsPath(new URL(request.url).pathname);
  if (!path) throw new Error(`${address} is none of HLS`);
  return hlsReply(request, path, station, host);
};

const silence: HlsContent = {
  kind: "silence",
  frame: "AAAA",
  frames: 1,
  samplesPerFrame: 1_152,
  sampleRate: 44_100,
  firstSample: 0,
};

describe("a request of HLS", () => {
  beforeEach(() => {
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => vi.unstubAllGlobals());

  it("for a name that nobody ever listened to stores nothing, and no token is right there", async () => {
    const storage = fakeStorage();
    const object = new HlsObject({ storage }, {} as never);
    const reply = await ask("/shows/a.mp3/hls/index.m3u8?s=a.zzzzzz.aaaaaaaaaaaaaaaa", hostOf(object));
    expect(reply.status).toBe(403);
    expect(storage.kv.get("key")).toBeUndefined();
  });

  it("finds what another isolate has told of a moment ago, asks once, and only for what is new", async () => {
    const key = "A".repeat(43);
    const entries = [0, 1].map((number) => ({
      number,
      content: silence,
      durationMs: 26,
      title: null,
      isBreak: false,
      startMs: 0,
    }));
    let [next, asked] = [1, 0];
    const timeline = ({ after }: { after: number }) => {
      asked++;
      const fresh = entries.slice(0, next).filter(({ number }) => number > after);
      const rest = { breaksBefore: 0, targetSeconds: 2, isEnded: false, key, refused: [], unknown: [] };
      return Promise.resolve({ ...rest, next, oldest: 0, entries: fresh });
    };
    const host = hostOf({ timeline });
    const other = "/shows/b.mp3" as MountPath;
    const token = await signToken(other, "a", key, Date.now() + 60_000);
    const status = async (name: string) => (await ask(`${other}/hls/${name}?s=${token}`, host)).status;
    expect(await status("e0.mp3")).toBe(200);
    next = 2;
    expect(await status("e1.mp3")).toBe(200);
    const before = asked;
    expect(await status("e7.mp3")).toBe(404);
    expect(asked - before).toBeLessThanOrEqual(2);
  });

  it("for a playlist of the past goes no further back than a player can have got it", async () => {
    const key = "B".repeat(43);
    const rest = { breaksBefore: 0, targetSeconds: 2, isEnded: false, key, refused: [], unknown: [] };
    const host = hostOf({ timeline: () => Promise.resolve({ ...rest, next: 0, oldest: 0, entries: [] }) });
    const third = "/shows/c.mp3" as MountPath;
    const token = await signToken(third, "a", key, Date.now() + 60_000);
    for (const from of ["1", "x", "", `${Date.now() - 3 * maxDvrMs - 1}`, `${Date.now() + 60_000}`]) {
      const reply = await ask(`${third}/hls/index.m3u8?s=${token}&from=${from}`, host);
      expect(reply.status, from).toBe(410);
    }
  });

  it("is told to come again when the mount's object cannot be asked", async () => {
    const host = hostOf({ enter: () => Promise.reject(new Error("overloaded")) });
    const reply = await ask(`${mount}.m3u8`, host);
    expect([reply.status, reply.headers.get("Retry-After")]).toEqual([503, "2"]);
  });
});
