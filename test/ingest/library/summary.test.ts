import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadStackSettings } from "../../../config/settings.ts";
import { uploadReport } from "../../../ingest/library/summary.ts";

const folder = mkdtempSync(join(tmpdir(), "skywave-summary-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const stationFile = join(folder, "station.toml");

const settings = () => loadStackSettings(["--config", stationFile, "--data", folder], {});
const report = (stationless = false): string => {
  const { edge, ...rest } = settings();
  return uploadReport({
    name: "my-music",
    summary: {
      tracks: 1,
      jingles: 0,
      playMs: 1_000,
      format: { sampleRate: 44_100, channels: 2 },
      refused: [],
      stored: { tracks: 0, bytes: 0, ms: 0 },
      fromMs: 0,
    },
    dryRun: false,
    operations: { puts: 0, lists: 0, reads: 0, deletes: 0 },
    settings: stationless ? { edge } : { edge, ...rest },
    edgeUrl: "http://127.0.0.1:8787",
    now: 0,
  });
};

describe("what an upload tells in the end", () => {
  it("is lines that make a station file play the library, as they are, at its end", () => {
    writeFileSync(stationFile, "[limits]\nburst_seconds = 4\n");
    const told = report();
    expect(told).toContain(`at the end of ${stationFile} and start the station anew:\n`);
    expect(told).toContain("Then listen: http://127.0.0.1:8787/my-music.mp3\n");
    const [, lines = ""] = /\n\n(\[\[autodj\]\]\n.*?\n)\n/s.exec(told) ?? [];
    writeFileSync(stationFile, `[limits]\nburst_seconds = 4\n${lines}`);
    expect(settings().edge.mounts["/my-music.mp3"]?.autodj).toEqual({ library: "my-music" });
    expect(report()).toContain("\nListen: http://127.0.0.1:8787/my-music.mp3\n");
  });

  it("names the file that is to be made where there is none", () => {
    writeFileSync(stationFile, "");
    expect(report(true)).toContain(`into a new file, ${join(process.cwd(), "station.toml")}, and start`);
  });
});
