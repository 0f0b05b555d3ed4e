import { describe, expect, it } from "vitest";
import type { DumpDisk } from "../../../ingest/dump/dump-disk.ts";
import { DumpWriter, type DumpWriterOptions } from "../../../ingest/dump/dump-writer.ts";
import { Turns } from "../../../ingest/dump/turns.ts";
import { concatenate } from "../../../shared/concatenate.ts";
import { type DumpPath, pathOf } from "../../../shared/dump-path.ts";
import { waitFor } from "../../support/wait.ts";

/** Files in memory; what is to go wrong is set while they are written. */
class FakeDisk implements DumpDisk {
  readonly files = new Map<string, { bytes: Uint8Array; writtenMs: number }>();
  /** Writes that part of is there and that then fail: "full". Calls that never settle: "hangs". */
  state: "well" | "full" | "hangs" = "well";
  calls = 0;
  handles = 0;
  synced = 0;

  look: DumpDisk["look"] = async (path) => {
    const found = this.files.get(pathOf(path));
    return found ? { bytes: found.bytes.length, writtenMs: found.writtenMs } : null;
  };

  open: DumpDisk["open"] = async (path, fresh) => {
    await this.#call();
    const name = pathOf(path);
    const file = this.files.get(name) ?? { bytes: new Uint8Array(), writtenMs: 0 };
    if (fresh && this.files.has(name)) throw Object.assign(new Error("it is there"), { code: "EEXIST" });
    this.files.set(name, file);
    this.handles++;
    return {
      bytes: file.bytes.length,
      write: async (bytes) => {
        const part = this.state === "full" ? bytes.subarray(0, bytes.length / 3) : bytes;
        file.bytes = concatenate([file.bytes, part]);
        file.writtenMs = startMs;
        await this.#call();
      },
      cut: async (size) => {
        file.bytes = file.bytes.slice(0, size);
      },
      sync: async () => {
        await this.#call();
        this.synced++;
      },
      close: async () => {
        this.handles--;
      },
    };
  };

  async #call(): Promise<void> {
    this.calls++;
    if (this.state === "hangs") await new Promise<never>(() => {});
    if (this.state === "full") throw new Error("no space is left");
  }

  text(name: string): string {
    return new TextDecoder().decode(this.files.get(name)?.bytes);
  }
}

const startMs = Date.parse("2026-11-21T12:00:00Z");
const frame = (text: string): { readonly bytes: Uint8Array } => ({ bytes: new TextEncoder().encode(text) });

function writing(disk: FakeDisk, given: Partial<DumpWriterOptions> = {}) {
  const lines: string[] = [];
  const log = {
    info: (_: unknown, text?: string) => void lines.push(String(text)),
    warn: (fields: unknown, text?: string) => void lines.push(text ?? String(fields)),
  } as unknown as DumpWriterOptions["log"];
  const turns = new Turns(2);
  const options: DumpWriterOptions = {
    rotation: { bytes: 0, ms: 0, timeZone: "UTC" },
    path: (): DumpPath => ({ kind: "absolute", path: "/a.mp3" }),
    disk,
    inTurn: (work) => turns.take(work),
    held: new Set(),
    log,
    limits: { room: 100, writeMs: 1, syncMs: 1, retryMs: 1 },
    ...given,
  };
  return { writer: new DumpWriter(options), options, lines };
}

describe("a dump", () => {
  it("has every frame, goes on in the file that is there, is brought to the disk and closed", async () => {
    const disk = new FakeDisk();
    for (const text of ["first ", "second"]) {
      const { writer } = writing(disk);
      for (const letter of text) writer.push([frame(letter)], startMs);
      await writer.end();
    }
    expect(disk.text("/a.mp3")).toBe("first second");
    expect(disk.handles).toBe(0);
    expect(disk.synced).toBeGreaterThanOrEqual(2);
  });

  it("is brought to the disk while the source goes on, and when it has fallen silent", async () => {
    const disk = new FakeDisk();
    const { writer } = writing(disk);
    writer.push([frame("x")], startMs);
    await waitFor("a sync", () => disk.synced === 1);
    await writer.end();
  });

  it("begins other files as it grows, each under a name of its own", async () => {
    const disk = new FakeDisk();
    const rotation = { bytes: 4, ms: 0, timeZone: "UTC" };
    const first = writing(disk, { rotation });
    for (const text of ["aa", "bb", "ccc", "ddddd", "e"]) first.writer.push([frame(text)], startMs);
    await first.writer.end();
    expect([...disk.files.keys()]).toEqual(["/a.mp3", "/a-2.mp3", "/a-3.mp3", "/a-4.mp3"]);
    // The source comes again: what has room goes on.
    const second = writing(disk, { rotation });
    second.writer.push([frame("ff")], startMs);
    await waitFor("the file to go on", () => disk.text("/a-4.mp3") === "eff");
    second.writer.push([frame("gg")], startMs);
    await second.writer.end();
    const names = ["/a.mp3", "/a-2.mp3", "/a-3.mp3", "/a-4.mp3", "/a-5.mp3"];
    expect(names.map((name) => disk.text(name))).toEqual(["aabb", "ccc", "ddddd", "eff", "gg"]);
  });

  it("does not write to a file of another source", async () => {
    const disk = new FakeDisk();
    const one = writing(disk);
    one.writer.push([frame("1")], startMs);
    await waitFor("the first", () => disk.text("/a.mp3") === "1");
    const other = writing(disk, { held: one.options.held });
    other.writer.push([frame("2")], startMs);
    await other.writer.end();
    one.writer.push([frame("1")], startMs);
    await one.writer.end();
    expect([disk.text("/a.mp3"), disk.text("/a-2.mp3")]).toEqual(["11", "2"]);
    expect(one.options.held.size).toBe(0);
  });

  it("has whole frames only after a disk that was full, and says once what is missing", async () => {
    const disk = new FakeDisk();
    const { writer, lines } = writing(disk);
    writer.push([frame("begin ")], startMs);
    await waitFor("the beginning", () => disk.text("/a.mp3") === "begin ");
    disk.state = "full";
    const calls = disk.calls;
    for (let count = 0; count < 20; count++) writer.push([frame("0123456789")], startMs);
    await waitFor("several tries", () => disk.calls > calls + 4);
    disk.state = "well";
    await waitFor("all that was kept", () => disk.text("/a.mp3") === `begin ${"0123456789".repeat(10)}`);
    writer.push([frame(" end")], startMs);
    await writer.end();
    expect(disk.text("/a.mp3")).toBe(`begin ${"0123456789".repeat(10)} end`);
    expect(lines.filter((line) => /dump/.test(line))).toEqual([
      "dump begins a file",
      "the disk is too slow for the dump: frames are left out of it",
      "the dump cannot be written, it is tried again",
      "the dump is written again",
      "frames are missing in the dump",
    ]);
  });

  it("gives up at its end what a full disk does not take", async () => {
    const disk = new FakeDisk();
    disk.state = "full";
    const { writer, lines } = writing(disk);
    writer.push([frame("x")], startMs);
    await writer.end();
    expect(lines.at(-1)).toBe("the end of a dump is lost");
    expect(disk.handles).toBe(0);
  });

  it("keeps nobody waiting and little in memory while its disk hangs", async () => {
    const disk = new FakeDisk();
    disk.state = "hangs";
    const { writer, options, lines } = writing(disk);
    for (let count = 0; count < 1_000; count++) {
      writer.push([frame("0123456789")], startMs);
      if (count % 100 === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    // One call is under way, and the others of the process have their places.
    expect(disk.calls).toBe(1);
    expect(await options.inTurn(async () => "free")).toBe("free");
    expect(lines).toEqual(["the disk is too slow for the dump: frames are left out of it"]);
  });
});
