import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventRing } from "../../../shared/event-ring.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import type { EventId, StationEvent } from "../../../shared/station-events.ts";
import {
  eventHeartbeatMs,
  eventPollMs,
  maxEventClients,
  maxEventClientsPerAddress,
} from "../../../worker/api/limits.ts";
import type { DirectoryQuestion, DirectoryReply } from "../../../worker/directory-object.ts";
import { ringEvents, stuckListenerMs } from "../../../worker/limits.ts";
import type * as EventStream from "../../../worker/api/event-stream.ts";
import type { Host } from "../../../worker/mount-feed.ts";

const live = mountPath("/live.mp3");

describe("a stream of events", () => {
  let ring: EventRing<StationEvent>;
  let calls: number;
  let isolate: typeof EventStream;
  let host: Host;
  const signals: AbortController[] = [];

  beforeEach(async () => {
    vi.resetModules();
    vi.useFakeTimers({ now: 1e12 });
    vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
    ring = new EventRing(ringEvents);
    calls = 0;
    const list = async ({ events }: DirectoryQuestion): Promise<DirectoryReply> => {
      calls++;
      return {
        startedMs: 0,
        mounts: [],
        known: [],
        settingsVersion: "1",
        settings: { station: null, fallbacks: {} },
        secretsVersion: "1",
        secrets: null,
        ...(events !== undefined && { events: { epoch: 1, ...ring.partAfter(events?.sequence ?? null) } }),
      };
    };
    host = {
      env: { DIRECTORY: { getByName: () => ({ list }) } },
      keepAlive: () => undefined,
    } as unknown as Host;
    isolate = await import("../../../worker/api/event-stream.ts");
  });
  afterEach(() => {
    for (const signal of signals.splice(0)) signal.abort();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  function open(after: EventId | null = { epoch: 1, sequence: 0 }, address: string | null = null) {
    const abort = new AbortController();
    signals.push(abort);
    const reader = isolate.openEventStream({ after, hidden: false, address }, host, abort.signal).getReader();
    const decoder = new TextDecoder();
    const read = async () => decoder.decode((await reader.read()).value);
    return { abort, reader, read };
  }
  const titled = (title: string) => ring.push({ kind: "title", mount: live, title });
  const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000);

  it("tells at once how to come again, and then what happens within two seconds", async () => {
    const client = open();
    expect(await client.read()).toBe("retry: 2000\n\n");
    const next = client.read();
    titled("one");
    await seconds(2);
    expect(await next).toBe('id: 1-1\nevent: title\ndata: {"mount":"/live.mp3","title":"one"}\n\n');
  });

  it("says that it is there when nothing happens", async () => {
    const client = open();
    await client.read();
    const next = client.read();
    await vi.advanceTimersByTimeAsync(eventHeartbeatMs + eventPollMs);
    expect(await next).toBe(":\n\n");
  });

  it("asks the directory once a second, however many clients there are", async () => {
    const clients = Array.from({ length: 50 }, () => open());
    await Promise.all(clients.map(({ read }) => read()));
    const before = calls;
    const reads = clients.map(({ read }) => read());
    await seconds(10);
    expect(calls - before).toBeLessThanOrEqual(10);
    titled("one");
    await seconds(2);
    for (const text of await Promise.all(reads)) expect(text).toContain('"one"');
  });

  it("asks for nobody who has gone, and for nobody who reads nothing", async () => {
    const reads = open();
    await reads.read();
    open();
    reads.abort.abort();
    expect(isolate.eventClients()).toBe(0);
    const before = calls;
    await seconds(60);
    expect(calls).toBe(before);
  });

  it("keeps nothing for a slow client but where it is", async () => {
    const client = open();
    await client.read();
    const before = calls;
    for (let title = 1; title <= 500; title++) titled(String(title));
    await seconds(30);
    expect(calls).toBe(before);
    const text = await client.read();
    expect(text.match(/^id: /gm)).toHaveLength(500);
    for (let title = 501; title <= 501 + ringEvents; title++) titled(String(title));
    await seconds(1);
    expect(await client.read()).toMatch(/^id: 1-1525\nevent: reset\n/);
  });

  it("lets a client go that takes nothing for minutes", async () => {
    const client = open();
    await client.read();
    expect(isolate.eventClients()).toBe(1);
    await vi.advanceTimersByTimeAsync(2 * stuckListenerMs);
    expect(isolate.eventClients()).toBe(0);
    expect((await client.reader.read()).done).toBe(true);
  });

  it("takes so many clients and no more, and gives their places back", async () => {
    const clients = Array.from({ length: maxEventClients }, () => open());
    await Promise.all(clients.map(({ read }) => read()));
    expect(isolate.hasRoomForEvents(null)).toBe(false);
    await clients[0]?.reader.cancel();
    expect(isolate.hasRoomForEvents(null)).toBe(true);
    clients[0]?.abort.abort();
    expect(isolate.eventClients()).toBe(maxEventClients - 1);
  });

  it("leaves room for others than the address that has the most", async () => {
    const greedy = "192.0.2.1";
    const clients = Array.from({ length: maxEventClientsPerAddress }, () => open(undefined, greedy));
    await Promise.all(clients.map(({ read }) => read()));
    expect(isolate.hasRoomForEvents(greedy)).toBe(false);
    expect(isolate.hasRoomForEvents("192.0.2.2")).toBe(true);
    clients[0]?.abort.abort();
    expect(isolate.hasRoomForEvents(greedy)).toBe(true);
  });
});
