import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DirectoryListing } from "../../worker/directory-object.ts";
import { directoryAgeMs, mountCallTimeoutMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";

const hourMs = 3_600_000;

/** The directory's object, counting its calls; `name` is the station's at this moment. */
class FakeDirectory {
  calls = 0;
  name = "before";
  hangs = false;
  fails = false;
  secrets: DirectoryListing["secrets"] = null;

  async list(): Promise<DirectoryListing> {
    this.calls++;
    if (this.fails) throw new Error("no directory");
    if (this.hangs) await new Promise(() => undefined);
    const station = { name: this.name } as unknown as DirectoryListing["station"];
    return { startedMs: 0, mounts: [], known: [], station, secrets: this.secrets };
  }
}

describe("an isolate's view of the directory", () => {
  beforeEach(() => {
    vi.resetModules();
    vi.useFakeTimers({ now: 1_000 * hourMs });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** A new isolate. */
  async function isolate() {
    const directory = new FakeDirectory();
    const env = { DIRECTORY: { getByName: () => directory } };
    const host = { env, keepAlive: () => undefined } as unknown as Host;
    return { directory, host, ...(await import("../../worker/directory.ts")) };
  }

  it("is asked for once by all who ask in the same second", async () => {
    const { directory, host, directoryListing } = await isolate();
    await Promise.all([directoryListing(host), directoryListing(host)]);
    await directoryListing(host);
    expect(directory.calls).toBe(1);
    vi.setSystemTime(Date.now() + directoryAgeMs);
    await directoryListing(host);
    expect(directory.calls).toBe(2);
  });

  it("is not an hour old when the clock was put back by an hour", async () => {
    const { directory, host, directoryListing, stationOf } = await isolate();
    await directoryListing(host);
    vi.setSystemTime(Date.now() - hourMs);
    directory.name = "after";
    expect((await directoryListing(host)).station).toMatchObject({ name: "after" });
    directory.name = "after that";
    vi.setSystemTime(Date.now() - hourMs);
    await stationOf(host);
    await vi.advanceTimersByTimeAsync(0);
    expect(await stationOf(host)).toMatchObject({ name: "after that" });
  });

  it("does not wait for an hour for a call that never ends, when the clock is put back meanwhile", async () => {
    const { directory, host, directoryListing } = await isolate();
    directory.hangs = true;
    void directoryListing(host);
    vi.setSystemTime(Date.now() - hourMs);
    directory.hangs = false;
    const asked = directoryListing(host);
    await vi.advanceTimersByTimeAsync(mountCallTimeoutMs);
    expect((await asked).mounts).toEqual([]);
    expect(directory.calls).toBe(2);
  });

  it("tells the secrets with their defaults, and none before an ingest host has told any", async () => {
    const { directory, host, secretsOf } = await isolate();
    expect(await secretsOf(host)).toEqual({ users: [], signingKeys: [], listeners: {} });
    const users = [{ name: "ann", role: "admin" as const, hash: "x" }];
    directory.secrets = { users } as unknown as DirectoryListing["secrets"];
    vi.setSystemTime(Date.now() + hourMs);
    await secretsOf(host);
    await vi.advanceTimersByTimeAsync(0);
    expect(await secretsOf(host)).toEqual({ users, signingKeys: [], listeners: {} });
  });

  it("lets nobody in when the secrets cannot be had or read", async () => {
    const { directory, host, secretsOf } = await isolate();
    directory.fails = true;
    await expect(secretsOf(host)).rejects.toThrow("no directory");
    directory.fails = false;
    directory.secrets = { users: [{ name: "ann", role: "emperor", hash: "x" }] } as never;
    await expect(secretsOf(host)).rejects.toThrow("role");
  });
});
