import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, HelpRequest } from "../../config/config-error.ts";
import { localBucketPath } from "../../config/ingest-of-station.ts";
import { loadIngestSettings, loadStackSettings, reloadStackSettings } from "../../config/settings.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave config "));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const flags = (...more: string[]) => ["--data", join(folder, "data"), ...more];
const stationFile = (text: string) => {
  const file = join(folder, "my.toml");
  writeFileSync(file, text);
  return flags("--config", file);
};
const problemsOf = (load: () => unknown): readonly string[] => {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe("settings", () => {
  it("refuse a log level that there is not, and take none for the usual one", () => {
    expect(problemsOf(() => loadIngestSettings(flags(), { SKYWAVE_LOG_LEVEL: "verbose" }))).toEqual([
      'SKYWAVE_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, got "verbose"',
    ]);
    expect(problemsOf(() => loadIngestSettings(flags(), { SKYWAVE_LOG_LEVEL: "" }))).toEqual([]);
  });

  it("have the ports and addresses that are promised when nothing is said", () => {
    const { host, edgePort, ingest } = loadStackSettings(flags(), {});
    expect({ host, edgePort }).toEqual({ host: "127.0.0.1", edgePort: 8787 });
    expect(ingest).toMatchObject({
      port: 8000,
      shoutcastPort: 8001,
      edgeUrl: "http://127.0.0.1:8787",
      adminUser: "admin",
    });
    expect(ingest.storage.bucketUrl).toBe("http://127.0.0.1:8787/cdn-cgi/local/r2/s3/skywave-segments");
  });

  it("take flags before the station file", () => {
    const argv = [...stationFile("[edge]\nport = 9001\n[ingest]\nport = 9002"), "--edge-port", "9101"];
    const { edgePort, ingest } = loadStackSettings(argv, {});
    expect([edgePort, ingest.port, ingest.shoutcastPort]).toEqual([9101, 9002, 9003]);
  });

  it("take passwords from the environment, then the station file, then the data folder", () => {
    const argv = stationFile('[sources]\npassword = "file"\n[admin]\npassword = "file too"');
    const env = { SKYWAVE_SOURCE_PASSWORD: "env", SKYWAVE_ADMIN_PASSWORD: "" };
    const both = loadStackSettings(argv, env);
    expect([both.ingest.sourcePassword, both.ingest.adminPassword]).toEqual(["env", "file too"]);
    expect([both.generatedSourcePassword, both.generatedAdminPassword]).toEqual([false, false]);
    const neither = loadStackSettings(flags(), {});
    expect(neither.generatedSourcePassword).toBe(true);
    expect(neither.ingest.sourcePassword).toBe(neither.secrets.sourcePassword);
    expect(neither.ingest.sourcePassword).toMatch(/^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/);
  });

  it("keep the secrets of a data folder, and make others for another", () => {
    const first = loadIngestSettings(flags(), {});
    expect(loadIngestSettings(flags(), {})).toEqual(first);
    const other = loadIngestSettings(["--data", join(folder, "other")], {});
    expect(other.sourcePassword).not.toBe(first.sourcePassword);
    expect(other.storage.secretAccessKey).not.toBe(first.storage.secretAccessKey);
  });

  it.skipIf(process.platform === "win32")("keep secrets where only their owner can read them", () => {
    loadIngestSettings(flags(), {});
    expect(statSync(join(folder, "data")).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "data", "secrets.json")).mode & 0o777).toBe(0o600);
  });

  it("lead to an edge and a storage elsewhere when the environment names them", () => {
    const { edgeUrl, ingestToken, storage } = loadIngestSettings(flags(), {
      SKYWAVE_EDGE_URL: "https://radio.example/",
      SKYWAVE_INGEST_TOKEN: "token",
      SKYWAVE_S3_URL: "https://account.example/bucket/",
      SKYWAVE_S3_ACCESS_KEY_ID: "id",
      SKYWAVE_S3_SECRET_ACCESS_KEY: "secret",
    });
    expect({ edgeUrl, ingestToken, storage }).toEqual({
      edgeUrl: "https://radio.example",
      ingestToken: "token",
      storage: { bucketUrl: "https://account.example/bucket", accessKeyId: "id", secretAccessKey: "secret" },
    });
  });

  it("give the edge what the station file says, in its own terms and without secrets", () => {
    const argv = stationFile(
      '[station]\nname = "A"\nhostname = "a.example"\n[sources]\npassword = "hidden1"\n[limits]\nburst_seconds = 1.5\nmax_listeners = 9\n[mounts."/x"]\npassword = "hidden2"\nmax_listeners = 2',
    );
    const { edge } = loadStackSettings(argv, {});
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
    expect(edge).toMatchObject({
      name: "A",
      burstMs: 1500,
      maxListeners: 9,
      mounts: { "/x": { maxListeners: 2 } },
    });
    expect(edge.ingestHost).toBe("a.example:8000");
    expect(JSON.stringify(edge)).not.toContain("hidden");
  });

  it("give ingest and edge each what concerns them of a mount's rules", () => {
    writeFileSync(join(folder, "welcome.mp3"), "");
    const argv = stationFile(`
      [limits]
      grace_seconds = 20
      connections_per_address = 7
      max_listeners_in_all = 50
      max_listeners_per_address = 3
      max_listener_seconds = 90
      [mounts."/x"]
      grace_seconds = 2.5
      takeover = "never"
      fallback_mount = "/y"
      fallback_override = "all"
      fallback_when_full = true
      intro = "welcome.mp3"
      max_listener_seconds = 60
      [mounts."/y"]
      fallback_mount = "silence"
      [mounts."/z"]
      fallback_file = "welcome.mp3"`);
    const { ingest, edge, files } = loadStackSettings(argv, {});
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
    expect(ingest.limits).toMatchObject({ graceMs: 20_000, burstMs: 4000, connectionsPerAddress: 7 });
    expect(ingest.mounts.get("/x")).toEqual({ graceMs: 2500, takeover: "never" });
    expect(edge).toMatchObject({ maxListenersInAll: 50, maxListenersPerAddress: 3, maxListenerMs: 90_000 });
    expect(edge.mounts).toEqual({
      "/x": {
        fallback: { kind: "mount", mount: "/y" },
        fallbackOverride: "all",
        fallbackWhenFull: true,
        maxListenerMs: 60_000,
      },
      "/y": { fallback: { kind: "silence" } },
      "/z": {},
    });
    const path = join(folder, "welcome.mp3");
    expect(files).toEqual([
      { mount: "/x", use: "intro", path },
      { mount: "/z", use: "fallback", path },
    ]);
  });

  it("report a file that is not there, or is a folder, with its line", () => {
    const argv = stationFile('[mounts."/x"]\nintro = "none.mp3"\nfallback_file = "."');
    const [intro, fallback] = problemsOf(() => loadStackSettings(argv, {}));
    expect(intro).toMatch(/my\.toml:2: mounts\."\/x"\.intro cannot be read: ENOENT.*got "none\.mp3"$/);
    expect(fallback).toMatch(
      /my\.toml:3: mounts\."\/x"\.fallback_file cannot be read: it is not a file, got "\."$/,
    );
  });

  it("tell the edge only when there is a station file, or when asked to", () => {
    expect(loadStackSettings(stationFile(""), {}).tellsEdge).toBe(true);
    expect(loadStackSettings(flags(), {}).tellsEdge).toBe(false);
    expect(loadStackSettings(flags(), { SKYWAVE_PUSH_STATION: "1" }).tellsEdge).toBe(true);
  });

  it("report what an ingest lacks for an edge elsewhere, of which this data folder knows nothing", () => {
    const missing = (env: Record<string, string>) =>
      problemsOf(() => loadIngestSettings(flags(), env)).map((problem) => problem.split(" ")[0]);
    expect(missing({ SKYWAVE_EDGE_URL: "https://radio.example" })).toEqual([
      "SKYWAVE_S3_URL",
      "SKYWAVE_INGEST_TOKEN",
      "SKYWAVE_S3_ACCESS_KEY_ID",
      "SKYWAVE_S3_SECRET_ACCESS_KEY",
    ]);
    const local = { SKYWAVE_EDGE_URL: "http://127.0.0.1:8787", SKYWAVE_INGEST_TOKEN: "t" };
    expect(missing(local)).toEqual(["SKYWAVE_S3_URL"]);
    expect(missing({ ...local, SKYWAVE_S3_URL: "http://127.0.0.1:8788/b" })).toEqual([]);
    expect(
      missing({ ...local, SKYWAVE_S3_URL: "https://s3.example/b", SKYWAVE_S3_ACCESS_KEY_ID: "k" }),
    ).toEqual(["SKYWAVE_S3_SECRET_ACCESS_KEY"]);
    expect(problemsOf(() => loadStackSettings(flags(), local))).toEqual([]);
  });

  it("find the certificate beside the station file", () => {
    const argv = stationFile('[ingest]\ntls = { cert = "c.pem", key = "/k.pem" }');
    expect(loadIngestSettings(argv, {}).tls).toEqual({
      port: 8443,
      shoutcastPort: 8444,
      certFile: join(folder, "c.pem"),
      keyFile: "/k.pem",
    });
  });

  it("start relative paths of flags where the command was typed", () => {
    const { dataDir } = loadStackSettings(["--data", "here"], { INIT_CWD: folder });
    expect(dataDir).toBe(join(folder, "here"));
  });

  it("report what is wrong with flags, environment and station file together", () => {
    const argv = [
      ...stationFile("[limits]\nsources = 0"),
      "--edge-prot",
      "--ingest-port",
      "70000",
      "--host",
      "nowhere",
    ];
    expect(problemsOf(() => loadStackSettings(argv, { SKYWAVE_EDGE_URL: "ftp://x" }))).toEqual([
      "--edge-prot is not a known flag; did you mean --edge-port?",
      '--ingest-port must be a port from 1 to 65534, got "70000"',
      '--host must be an IP address, got "nowhere"',
      'SKYWAVE_EDGE_URL must be an http or https URL, got "ftp://x"',
      `${join(folder, "my.toml")}:2: limits.sources must be a whole number from 1 to 10000, got 0`,
    ]);
  });

  it("report a station file that is not there", () => {
    expect(
      problemsOf(() => loadStackSettings(flags("--config", join(folder, "none.toml")), {}))[0],
    ).toContain("none.toml");
  });

  it("are read again as long as the station file is there", () => {
    const argv = stationFile("[limits]\nburst_seconds = 1");
    const before = loadStackSettings(argv, {});
    stationFile("[limits]\nburst_seconds = 2");
    expect(reloadStackSettings(before, argv, {}).edge.burstMs).toBe(2000);
    // As if it had been found in the working directory.
    expect(problemsOf(() => reloadStackSettings(before, flags(), {}))).toEqual([
      `the station file ${join(folder, "my.toml")} is gone`,
    ]);
  });

  it("answer --help with every flag", () => {
    expect(() => loadIngestSettings(["--help"], {})).toThrow(HelpRequest);
    expect(() => loadIngestSettings(["--help"], {})).toThrow(
      /--config[^]*--data[^]*--edge-port[^]*--ingest-port[^]*--host/,
    );
  });

  it("name the bucket that wrangler.toml names", () => {
    const toml = readFileSync(join(import.meta.dirname, "../../wrangler.toml"), "utf8");
    expect(toml).toContain(`bucket_name = "${localBucketPath.split("/").at(-1)}"`);
  });
});
