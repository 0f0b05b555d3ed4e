import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EdgeSecrets } from "../../shared/edge-secrets.ts";
import { EventRing } from "../../shared/event-ring.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { StationEvent } from "../../shared/station-events.ts";
import type { DirectoryQuestion, DirectoryReply, DirectorySettings } from "../../worker/directory-object.ts";
import { directoryAgeMs, mountCallTimeoutMs, ringEvents, unknownMountMs } from "../../worker/limits.ts";
import type { Host } from "../../worker/mount-feed.ts";

const hourMs = 3_600_000;

/** The directory's object, counting its calls; `name` is the station's at this moment. */
class FakeDirectory {
  calls = 0;
  name = "before";
  hangs = false;
  fails = false;
  secrets: EdgeSecrets | null = null;
  fallbacks: DirectorySettings["fallbacks"] = {};
  epoch = 1;
  ring = new EventRing<StationEvent>(ringEvents);
  questions: (DirectoryQuestion | undefined)[] = [];

  async list(question?: DirectoryQuestion): Promise<DirectoryReply> {
    this.calls++;
    this.questions.push(question);
    if (this.fails) throw new Error("no directory");
    if (this.hangs) await new Promise(() => undefined);
    const { secrets, fallbacks, epoch } = this;
    const station = { name: this.name } as unknown as DirectorySettings["station"];
    const settingsVersion = JSON.stringify([station, fallbacks]);
    const secretsVersion = JSON.stringify(secrets);
    const after = question?.events;
    return {
      startedMs: 0,
      mounts: [],
      known: [],
      settingsVersion,
      ...(question?.settings !== settingsVersion && { settings: { station, fallbacks } }),
      secretsVersion,
      ...(question?.secrets !== secretsVersion && { secrets }),
      ...(after !== undefined && {
        events: { epoch, ...this.ring.partAfter(after?.epoch === epoch ? after.sequence : null) },
      }),
    };
  }

  titled(title: string): void {
    this.ring.push({ kind: "title", mount: live, title });
  }
}

const live = mountPath("/live.mp3");
const titles = (events: readonly { readonly body: StationEvent }[] | null) =>
  events?.map(({ body }) => body.kind === "title" && body.title);

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
    directory.secrets = { users } as unknown as EdgeSecrets;
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

  it("is told settings again only when they have changed", async () => {
    const { directory, host, stationOf, directoryListing } = await isolate();
    await directoryListing(host);
    vi.setSystemTime(Date.now() + directoryAgeMs);
    await directoryListing(host);
    expect(directory.questions.map((question) => question?.settings === undefined)).toEqual([true, false]);
    expect(await stationOf(host)).toMatchObject({ name: "before" });
    directory.name = "after";
    vi.setSystemTime(Date.now() + directoryAgeMs);
    await directoryListing(host);
    expect(await stationOf(host)).toMatchObject({ name: "after" });
  });

  it("puts an administrator's fallback before that of the settings", async () => {
    const { directory, host, stationOf } = await isolate();
    directory.fallbacks = { "/live.mp3": mountPath("/other.mp3") };
    const { mounts } = await stationOf(host);
    expect(mounts["/live.mp3"]?.fallback).toEqual({ kind: "mount", mount: "/other.mp3" });
  });

  it("tells those who follow what has happened, in calls that all share", async () => {
    const { directory, host, directoryListing, followEvents, followedListing } = await isolate();
    directory.titled("one");
    await directoryListing(host);
    expect(directory.questions.at(-1)).not.toHaveProperty("events");
    followEvents();
    const asked = Promise.all([followedListing(host), followedListing(host)]);
    await vi.advanceTimersByTimeAsync(2 * unknownMountMs);
    const [first] = await asked;
    expect(titles(first.events.after(0))).toEqual(["one"]);
    expect(directory.calls).toBe(2);
    directory.titled("two");
    await followedListing(host);
    expect(directory.calls).toBe(2);
    vi.setSystemTime(Date.now() + directoryAgeMs);
    const next = await followedListing(host);
    expect(titles(next.events.after(1))).toEqual(["two"]);
    expect(directory.questions.at(-1)?.events).toEqual({ epoch: 1, sequence: 1 });
  });

  it("begins anew with a directory that was started anew", async () => {
    const { directory, host, followEvents, followedListing } = await isolate();
    followEvents();
    directory.titled("one");
    expect((await followedListing(host)).epoch).toBe(1);
    directory.ring = new EventRing(ringEvents);
    directory.epoch = 2;
    directory.titled("two");
    vi.setSystemTime(Date.now() + directoryAgeMs);
    const { epoch, events } = await followedListing(host);
    expect([epoch, titles(events.after(0))]).toEqual([2, ["two"]]);
  });

  it("asks no more for what happens when nobody follows any more", async () => {
    const { directory, host, directoryListing, followEvents, followedListing } = await isolate();
    const unfollow = followEvents();
    await followedListing(host);
    unfollow();
    unfollow();
    vi.setSystemTime(Date.now() + directoryAgeMs);
    await directoryListing(host);
    expect(directory.questions.at(-1)).not.toHaveProperty("events");
  });
});
