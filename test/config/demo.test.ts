import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadIngestSettings, loadStackSettings } from "../../config/settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave demo "));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mountsOf = (...flags: string[]): string[] =>
  loadStackSettings(["--data", folder, ...flags], {}).ingest.autodjs.map(({ mount }) => mount);

test("the demo plays where there is nothing else, and no archive is kept of it", () => {
  const { ingest, edge, demo } = loadStackSettings(["--data", folder], {});
  expect(demo).toBe(true);
  expect(ingest.autodjs).toMatchObject([
    { mount: "/demo.mp3", rotations: [{ order: "sequential", places: [{ shown: "examples/demo" }] }] },
  ]);
  expect(edge.mounts).toEqual({ "/demo.mp3": { archive: false } });
});

test("it does not where it is not wanted, nor beside music or a station file", () => {
  const station = join(folder, "station.toml");
  writeFileSync(station, "");
  expect(mountsOf("--no-demo")).toEqual([]);
  expect(mountsOf("--music", folder)).toEqual(["/autodj.mp3"]);
  expect(mountsOf("--config", station)).toEqual([]);
  expect(loadStackSettings(["--data", folder, "--no-demo"], {}).edge.mounts).toEqual({});
});

test("an ingest plays it beside its own stack only", () => {
  const elsewhere = {
    SKYWAVE_EDGE_URL: "http://127.0.0.1:1",
    SKYWAVE_S3_URL: "http://127.0.0.1:2/bucket",
    SKYWAVE_S3_ACCESS_KEY_ID: "id",
    SKYWAVE_S3_SECRET_ACCESS_KEY: "secret",
    SKYWAVE_INGEST_TOKEN: "token-that-is-long-enough",
  };
  expect(loadIngestSettings(["--data", folder], elsewhere).autodjs).toEqual([]);
  const beside = { ...elsewhere, SKYWAVE_PUSH_STATION: "1" };
  expect(loadIngestSettings(["--data", folder], beside).autodjs).toHaveLength(1);
});
