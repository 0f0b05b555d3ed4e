import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type EdgeSecrets, noSecrets } from "../../shared/edge-secrets.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { millis } from "../../shared/units.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    constructor(ctx: unknown) {
      this.ctx = ctx;
    }
  },
}));
const { DirectoryObject } = await import("../../worker/directory-object.ts");

const hourMs = 3_600_000;
const mount = mountPath("/live.mp3");
const status: MountStatus = {
  mount,
  source: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "icecast" },
  streamStartMs: millis(0),
  listeners: 0,
  listenerPeak: 0,
  onAir: true,
};

function directory() {
  return started(new Map());
}

/** The object as it starts over what was stored. */
function started(stored: Map<string, unknown>) {
  const kv = {
    get: (key: string) => stored.get(key),
    put: (key: string, value: unknown) => void stored.set(key, value),
    delete: (key: string) => stored.delete(key),
    list: ({ prefix }: { prefix: string }) => [...stored].filter(([key]) => key.startsWith(prefix)),
  };
  return new DirectoryObject({ storage: { kv }, waitUntil: () => undefined }, {} as never);
}

describe("the directory", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000 * hourMs });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("lists a mount for as long as it was told, though nobody asks meanwhile", async () => {
    const object = directory();
    object.update(mount, status, 15_000);
    expect(object.list().mounts).toEqual([status]);
    await vi.advanceTimersByTimeAsync(14_000);
    expect(object.list().mounts).toEqual([status]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(object.list().mounts).toEqual([]);
    object.update(mount, status, 15_000);
    await vi.advanceTimersByTimeAsync(hourMs);
    expect(object.list().mounts).toEqual([]);
  });

  it.each([hourMs, -hourMs])(
    "lists it neither shorter nor longer when the clock is set by %d ms",
    async (jumpMs) => {
      const object = directory();
      object.update(mount, status, 15_000);
      await vi.advanceTimersByTimeAsync(5_000);
      vi.setSystemTime(Date.now() + jumpMs);
      expect(object.list().mounts).toEqual([status]);
      await vi.advanceTimersByTimeAsync(12_000);
      expect(object.list().mounts).toEqual([]);
    },
  );

  it("keeps settings and secrets over a restart, and the secrets when only settings are told", () => {
    const stored = new Map<string, unknown>();
    const secrets = { ...noSecrets, signingKeys: ["k".repeat(43)] };
    started(stored).keepStation(station("one"), secrets);
    expect(started(stored).list()).toMatchObject({ settings: { station: { name: "one" } }, secrets });
    started(stored).keepStation(station("two"));
    expect(started(stored).list()).toMatchObject({ settings: { station: { name: "two" } }, secrets });
    started(stored).keepStation(station("three"), noSecrets);
    expect(started(stored).list().secrets).toEqual(noSecrets);
  });

  it("keeps 20,000 listener users in pieces that storage takes, and tells them only to who has others", () => {
    const stored = new Map<string, unknown>();
    started(stored).keepStation(station("one"), manyUsers(20_000));
    for (const value of stored.values()) {
      expect(value instanceof Uint8Array ? value.length : 0).toBeLessThan(2_000_000);
    }
    const object = started(stored);
    const { secrets, secretsVersion } = object.list();
    expect(secrets).toEqual(manyUsers(20_000));
    // As after a restart of the ingest host, with another setting that is no secret.
    object.keepStation(station("two"), manyUsers(20_000));
    expect(object.list({ secrets: secretsVersion })).not.toHaveProperty("secrets");
    expect(object.list({ secrets: secretsVersion }).settings?.station?.name).toBe("two");
    object.keepStation(station("two"), manyUsers(1));
    expect(object.list({ secrets: secretsVersion }).secrets).toEqual(manyUsers(1));
    expect([...stored.keys()].filter((key) => key.startsWith("secrets piece"))).toHaveLength(1);
  });

  it("reads the settings that an earlier release stored", () => {
    const stored = new Map<string, unknown>([["station", { format: 1, station: station("old") }]]);
    expect(started(stored).list().settings).toMatchObject({ station: { name: "old" } });
    expect(started(stored).list().secrets).toBeNull();
    stored.set("secrets", { format: 1, secrets: noSecrets });
    expect(started(stored).list().secrets).toEqual(noSecrets);
  });

  it("tells settings only to those who have others", () => {
    const object = directory();
    const { settingsVersion } = object.list();
    expect(object.list({ settings: settingsVersion })).not.toHaveProperty("settings");
    object.keepFallbacks({ "/live.mp3": mount });
    const reply = object.list({ settings: settingsVersion });
    expect(reply.settings?.fallbacks).toEqual({ "/live.mp3": mount });
    expect(reply.settingsVersion).not.toBe(settingsVersion);
  });

  it("tells each title once, and what else happens to a mount", () => {
    const object = directory();
    const { events: begin } = object.list({ events: null });
    expect(begin).toEqual({ epoch: 1, after: 0, last: 0, events: [] });
    for (const title of ["one", "two", "two"]) object.update(mount, { ...status, title }, 15_000);
    for (const listeners of [1, 2]) {
      object.update(mount, { ...status, title: "two", listeners, listenerPeak: listeners }, 15_000);
    }
    const { events } = object.list({ events: { epoch: 1, sequence: 0 } });
    expect(events?.events.map(({ body }) => body)).toEqual([
      { kind: "source-on", status: { ...status, title: "one" } },
      { kind: "title", mount, title: "two" },
      { kind: "listeners", mount, listeners: 2, listenerPeak: 2 },
    ]);
    object.update(mount, null, 0);
    const { events: after } = object.list({ events: { epoch: 1, sequence: events?.last ?? 0 } });
    expect(after?.events.map(({ body }) => body)).toEqual([{ kind: "source-off", mount }]);
  });

  it("tells of a mount that expires", async () => {
    const object = directory();
    object.update(mount, status, 15_000);
    await vi.advanceTimersByTimeAsync(16_000);
    const { events } = object.list({ events: null });
    expect(events?.events.map(({ body }) => body.kind)).toEqual(["source-on", "source-off"]);
  });

  it("has after a restart what was on air, in another epoch, until that expires", async () => {
    const stored = new Map<string, unknown>();
    started(stored).update(mount, { ...status, title: "one" }, 15_000);
    const object = started(stored);
    expect(object.list().mounts).toEqual([{ ...status, title: "one" }]);
    expect(object.list({ events: { epoch: 1, sequence: 1 } }).events).toEqual({
      epoch: 2,
      after: 0,
      last: 0,
      events: [],
    });
    object.update(mount, { ...status, title: "two" }, 15_000);
    expect(object.list({ events: null }).events?.events).toMatchObject([{ body: { title: "two" } }]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(object.list().mounts).toEqual([]);
    expect(started(stored).list().mounts).toEqual([]);
  });
});

/** The longest that are usual: names like addresses, and hashes of our own. */
const manyUsers = (count: number): EdgeSecrets => ({
  ...noSecrets,
  listeners: {
    "/live.mp3": {
      signed: false,
      auth: {
        kind: "htpasswd",
        allowDuplicates: true,
        users: Array.from({ length: count }, (_, index) => ({
          name: `łistener.${index}@station.example`,
          hash: `$pbkdf2-sha256$i=100000$${"s".repeat(22)}$${"h".repeat(43)}`,
        })),
      },
    },
  },
});

const station = (name: string) => edgeStationSchema.parse({ name });
