import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IngestMount } from "../../../config/ingest-settings.ts";
import { Dumps, type DumpsOptions } from "../../../ingest/dump/dumps.ts";
import type { Log } from "../../../ingest/log.ts";
import type { MountPath } from "../../../shared/units.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "skywave-dumps-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const live = "/live.mp3" as MountPath;
const frame = (text: string) => [{ bytes: new TextEncoder().encode(text) }];

function dumpsOf(given: Readonly<Record<string, IngestMount>>, options: Partial<DumpsOptions> = {}) {
  const settings = { now: { dataDir, mounts: new Map(Object.entries(given)) } };
  const errors: unknown[] = [];
  const log = {
    info: () => {},
    warn: () => {},
    error: (fields: unknown) => void errors.push(fields),
    child: () => log,
  } as unknown as Log;
  const dumps = new Dumps({ settings, log, ...options });
  const set = (next: Readonly<Record<string, IngestMount>>): void => {
    settings.now = { dataDir, mounts: new Map(Object.entries(next)) };
    dumps.change();
  };
  return { dumps, set, errors };
}
const text = (name: string): string => readFileSync(join(dataDir, "dumps", name), "utf8");

describe("the dumps of a host", () => {
  it("are of the mounts whose settings say so, patterns among them", async () => {
    const { dumps } = dumpsOf({ "/l*": { dumpFile: "${mount}" } });
    for (const mount of [live, "/other.mp3" as MountPath]) dumps.open(mount).push(frame(mount));
    await dumps.stop(5_000);
    expect(readdirSync(join(dataDir, "dumps"))).toEqual(["live.mp3"]);
    expect(text("live.mp3")).toBe(live);
    expect(dumps.isBusy).toBe(false);
  });

  it("follow one another in a file when a source takes over, the first one's end before the second's beginning", async () => {
    const { dumps } = dumpsOf({ [live]: { dumpFile: "a.mp3" } });
    const before = dumps.open(live);
    before.push(frame("before "));
    const after = dumps.open(live);
    before.push(frame("its end "));
    before.end();
    after.push(frame("after"));
    await dumps.stop(5_000);
    expect(text("a.mp3")).toBe("before its end after");
  });

  it("begin, end and go elsewhere with the settings, and else go on through a reload", async () => {
    const { dumps, set } = dumpsOf({});
    const source = dumps.open(live);
    source.push(frame("0"));
    for (const [at, dumpFile] of ["a.mp3", "a.mp3", "b.mp3", "", "c.mp3"].entries()) {
      set({ [live]: { dumpFile } });
      source.push(frame(String(at + 1)));
    }
    await dumps.stop(5_000);
    expect(["a.mp3", "b.mp3", "c.mp3"].map(text)).toEqual(["12", "3", "5"]);
  });

  it("are none of a mount whose name is no file's", async () => {
    const { dumps, errors } = dumpsOf({ "/**": { dumpFile: "${mount}/x.mp3" } });
    const source = dumps.open("/.." as MountPath);
    source.push(frame("x"));
    source.push(frame("y"));
    await dumps.stop(5_000);
    expect(errors).toHaveLength(1);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it("keep nobody waiting at the end for a disk that hangs", async () => {
    const never = new Promise<never>(() => {});
    const { dumps } = dumpsOf(
      { [live]: { dumpFile: "a.mp3" } },
      { disk: { look: () => never, open: () => never } },
    );
    dumps.open(live).push(frame("x"));
    await dumps.stop(20);
    expect(dumps.isBusy).toBe(true);
  });
});
