import { beforeEach, describe, expect, it } from "vitest";
import type { IngestMount } from "../../../config/ingest-settings.ts";
import { Directories, type ListedStation } from "../../../ingest/directory/directories.ts";
import type { DirectoryAnswer } from "../../../ingest/directory/directory-listing.ts";
import type { SourceOnAir } from "../../../ingest/source-events.ts";
import { mountPath } from "../../../shared/mount-path.ts";
import type { SourceInfo } from "../../../shared/source/source-info.ts";
import { epoch, millis } from "../../../shared/units.ts";
import { VirtualTime } from "../../support/virtual-time.ts";

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const log = { ...silent, child: () => log };
const done = { done: true, message: "", sid: "sid-1", touchMs: null };
const refused: DirectoryAnswer = { done: false, message: "no", sid: null, touchMs: null };
const settings = { url: "http://yp.example/cgi", timeoutMs: 6_000, touchMs: 0 };

/** A station with one directory, whose answers are scripted; calls as "seconds action". */
class Bench {
  readonly time = new VirtualTime(0);
  readonly calls: string[] = [];
  readonly bodies: string[] = [];
  answer: (action: string) => DirectoryAnswer = () => done;
  /** A call takes so long, ms. */
  takesMs = 0;
  mounts: ListedStation["mounts"] = {};
  ingestMounts: ReadonlyMap<string, IngestMount> = new Map();
  readonly directories = new Directories({
    station: () => ({
      hostname: "radio.example",
      port: 8000,
      serverId: "Icecast 2.4.4",
      mounts: this.mounts,
      ingestMounts: this.ingestMounts,
      maxListeners: 100,
    }),
    log,
    clock: {
      now: () => this.time.nowMs,
      setTimeout: this.time.setTimeout,
      clearTimeout: this.time.clearTimeout,
    },
    open: () => async (body) => {
      const action = /action=(\w+)/.exec(body)?.[1] ?? "";
      this.calls.push(`${this.time.nowMs / 1000} ${action}`);
      this.bodies.push(body);
      if (this.takesMs > 0) await this.time.wait(this.takesMs);
      return this.answer(action);
    },
  });

  constructor() {
    this.directories.change([settings]);
  }

  source(info: Partial<SourceInfo> = {}): SourceOnAir & { title: { text: string } | null } {
    return {
      mount: mountPath("/a.mp3"),
      epoch: epoch(1),
      info: { contentType: "audio/mpeg", ip: "127.0.0.1", protocol: "PUT", public: true, name: "N", ...info },
      user: null,
      startedMs: millis(0),
      bytes: 0,
      counts: { frames: 0, garbageBytes: 0, tagBytes: 0, infoFrames: 0, resyncs: 0 },
      listeners: 7,
      title: null,
    };
  }

  come(source: SourceOnAir): void {
    this.directories.take({ kind: "connected", source, atMs: millis(this.time.nowMs) });
  }

  go(source: SourceOnAir): void {
    this.directories.take({ kind: "disconnected", source, reason: "", atMs: millis(this.time.nowMs) });
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

it("every stream has its turn, also where the directory is too slow for all of them", async () => {
  bench.takesMs = 5_000;
  for (let index = 0; index < 20; index++)
    bench.come({ ...bench.source(), mount: mountPath(`/m${index}.mp3`) });
  let added = 0;
  bench.answer = (action) => ({ ...done, sid: action === "add" ? `sid-${added++}` : null });
  await bench.time.runUntil(600_000);
  const touched = new Set(
    bench.bodies.flatMap((body) => /^action=touch&sid=(sid-\d+)&/.exec(body)?.[1] ?? []),
  );
  expect(touched.size).toBe(20);
});

describe("a public source", () => {
  it("is added after 60 s, touched 5 s later, then every 30 s at least, and removed when it goes", async () => {
    const source = bench.source();
    bench.come(source);
    await bench.time.runUntil(130_000);
    bench.go(source);
    await bench.time.runUntil(200_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "95 touch", "125 touch", "130 remove"]);
    expect(bench.bodies[1]).toBe("action=touch&sid=sid-1&st=&listeners=7&max_listeners=100&stype=\r\n");
    expect(bench.bodies.at(-1)).toBe("action=remove&sid=sid-1");
  });

  it("is touched as often as the directory asks for", async () => {
    bench.answer = () => ({ done: true, message: "", sid: "s", touchMs: 200_000 });
    bench.come(bench.source());
    await bench.time.runUntil(500_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "265 touch", "465 touch"]);
  });

  it("is touched 3 s after a new title, once for many", async () => {
    const source = bench.source();
    bench.come(source);
    await bench.time.runUntil(70_000);
    for (const text of ["A - B", "C - D"]) {
      source.title = { text };
      bench.directories.take({ kind: "title", source, title: { text }, atMs: millis(70_000) });
    }
    await bench.time.runUntil(74_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "73 touch"]);
    expect(bench.bodies.at(-1)).toContain("&st=C%20%2d%20D&");
  });

  it("is added again 1,200 s after the directory could not be reached", async () => {
    bench.answer = () => null;
    bench.come(bench.source());
    await bench.time.runUntil(2_500_000);
    expect(bench.calls).toEqual(["60 add", "1260 add", "2460 add"]);
  });

  it("is added again 7,200 s after an add was refused", async () => {
    bench.answer = () => refused;
    bench.come(bench.source());
    await bench.time.runUntil(7_300_000);
    expect(bench.calls).toEqual(["60 add", "7260 add"]);
  });

  it("is added again 1,200 s after a touch was refused", async () => {
    bench.answer = (action) => (action === "touch" ? refused : done);
    bench.come(bench.source());
    await bench.time.runUntil(1_300_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "1265 add", "1270 touch"]);
  });

  it("is never told of when it goes within a minute", async () => {
    const source = bench.source();
    bench.come(source);
    await bench.time.runUntil(30_000);
    bench.go(source);
    await bench.time.runUntil(200_000);
    expect(bench.calls).toEqual([]);
  });

  it("that goes while it is being added is removed under the name it got", async () => {
    const source = bench.source();
    bench.takesMs = 5_000;
    bench.come(source);
    await bench.time.runUntil(62_000);
    bench.go(source);
    await bench.time.runUntil(100_000);
    expect(bench.calls).toEqual(["60 add", "65 remove"]);
  });

  it("that another follows is removed, and the other added in its time", async () => {
    const first = bench.source();
    bench.come(first);
    await bench.time.runUntil(70_000);
    bench.go(first);
    bench.come(bench.source());
    await bench.time.runUntil(135_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "70 remove", "130 add", "135 touch"]);
  });
});

describe("what directories are not told", () => {
  it("a source that does not want it", async () => {
    bench.come(bench.source({ public: false }));
    await bench.time.runUntil(100_000);
    expect(bench.calls).toEqual([]);
  });

  it("a mount that the station keeps from them, by its rules or by name", async () => {
    bench.mounts = { "/a.mp3": { public: false } };
    bench.come(bench.source());
    bench.mounts = {};
    bench.ingestMounts = new Map([["/a*", { noDirectory: true }]]);
    bench.come(bench.source());
    await bench.time.runUntil(100_000);
    expect(bench.calls).toEqual([]);
  });

  it("a mount made private by a reload is removed, one made public is added", async () => {
    bench.come(bench.source());
    await bench.time.runUntil(70_000);
    bench.mounts = { "/a.mp3": { public: false } };
    bench.directories.change([settings]);
    await bench.time.runUntil(71_000);
    bench.mounts = {};
    bench.directories.change([settings]);
    await bench.time.runUntil(132_000);
    expect(bench.calls).toEqual(["60 add", "65 touch", "70 remove", "131 add"]);
  });
});

it("the station's words go before the source's, and Icecast's stand where there are none", async () => {
  bench.mounts = { "/*": { public: true, stream: { name: "Station", genre: "Jazz" } } };
  const { name: _, ...unnamed } = bench.source({ public: false, audioInfo: "ice-channels=2" }).info;
  bench.come({ ...bench.source(), info: unnamed });
  await bench.time.runUntil(61_000);
  expect(bench.bodies[0]).toBe(
    "action=add&sn=Station&genre=Jazz&cpswd=&desc=Unspecified%20description&url=" +
      "&listenurl=http%3a%2f%2fradio%2eexample%3a8000%2fa%2emp3&type=audio%2fmpeg&stype=&b=&ice%2dchannels%3d2\r\n",
  );
});

it("a stop takes what is listed off the lists, and nothing follows", async () => {
  bench.come(bench.source());
  await bench.time.runUntil(70_000);
  await bench.directories.stop();
  await bench.time.runUntil(200_000);
  expect(bench.calls).toEqual(["60 add", "65 touch", "70 remove"]);
});
