import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, HelpRequest } from "../../config/config-error.ts";
import { localBucketPath } from "../../config/ingest-of-station.ts";
import { loadIngestSettings, loadStackSettings, reloadStackSettings } from "../../config/settings.ts";
import { edgeSecretsSchema } from "../../shared/edge-secrets.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import { verifyPassword } from "../../shared/password-hash.ts";

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

  it("give the edge every rule of a mount, and of a pattern only what it says", () => {
    const { edge } = loadStackSettings(
      stationFile(`
      [limits]
      burst_bytes = 65536
      [logs]
      access = "access.log"
      [[header]]
      name = "X-All"
      value = "1"
      [[alias]]
      source = "/"
      destination = "/status.xsl"
      [mounts."/*"]
      hidden = true
      burst_seconds = 3
      [mounts."/x"]
      public = true
      no_mount = true
      metaint = 0
      charset = "latin1"
      burst_bytes = 9
      stream_name = "Name"
      subtype = "mp3"
      header = [{ name = "X-Own", value = "2", status = 200 }]`),
      {},
    );
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
    expect(edge).toMatchObject({
      accessLog: true,
      headers: [{ name: "X-All", value: "1" }],
      aliases: [{ source: "/", destination: "/status.xsl" }],
    });
    expect(Object.entries(edge.mounts)).toEqual([
      ["/**", { burstMs: 0, burstBytes: 65_536 }],
      ["/*", { hidden: true, burstMs: 3000, burstBytes: 0 }],
      [
        "/x",
        {
          public: true,
          noMount: true,
          metaint: 0,
          charset: "latin1",
          burstMs: 0,
          burstBytes: 9,
          headers: [{ name: "X-Own", value: "2", status: 200 }],
          stream: { name: "Name", subtype: "mp3" },
        },
      ],
    ]);
  });

  it("give the ingest its relays, directories, webhooks, logs and files", () => {
    const { ingest } = loadStackSettings(
      stationFile(`
      [admin]
      user = "boss"
      [ingest]
      address = "::1"
      shoutcast_port = 9999
      [web]
      root = "public"
      [logs]
      playlist = "playlist.log"
      [bans]
      deny_file = "/deny"
      [master]
      url = "http://u:p%40@master.example:8000/"
      password = "x"
      [[relay]]
      url = "http://jo:pass@a.example/b?c"
      mount = "/r"
      on_demand = true
      [[directory]]
      url = "http://d.example/"
      [[webhook]]
      url = "http://h.example/"
      secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
      mounts = ["/r"]
      [mounts."/x"]
      source_timeout = 5
      no_directory = true
      on_connect = "bin/on"
      source_auth = { url = "http://s.example/", username = "u", password = "p" }
      [[mounts."/x".dj]]
      name = "kim"
      hash = "$pbkdf2-sha256$i=1000$${"a".repeat(22)}$${"b".repeat(42)}A"
      slots = ["Mon 1:00-2:00"]`),
      {},
    );
    expect(ingest).toMatchObject({
      host: "::1",
      port: 8000,
      shoutcastPort: 9999,
      adminUser: "boss",
      webroot: join(folder, "public"),
      denyFile: "/deny",
      logs: {
        folder: join(folder, "data", "logs"),
        playlist: "playlist.log",
        maxBytes: 10_240_000,
        archive: false,
      },
      master: {
        url: "http://master.example:8000",
        username: "u",
        password: "p@",
        updateMs: 120_000,
        onDemand: false,
      },
      relays: [
        {
          url: "http://a.example/b?c",
          mount: "/r",
          username: "jo",
          password: "pass",
          titles: true,
          onDemand: true,
        },
      ],
      directories: [{ url: "http://d.example/", timeoutMs: 6000, touchMs: 200_000 }],
      webhooks: [
        {
          url: "http://h.example/",
          secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          events: ["source.connected", "source.disconnected", "title.changed"],
          mounts: ["/r"],
        },
      ],
    });
    expect(ingest.logs).not.toHaveProperty("access");
    expect(ingest.mounts.get("/x")).toEqual({
      sourceTimeoutMs: 5000,
      noDirectory: true,
      onConnect: join(folder, "bin/on"),
      streamAuth: { url: "http://s.example/", username: "u", password: "p" },
      djs: [
        {
          name: "kim",
          hash: `$pbkdf2-sha256$i=1000$${"a".repeat(22)}$${"b".repeat(42)}A`,
          slots: [{ days: [1], from: 60, to: 120, timeZone: "UTC" }],
        },
      ],
    });
  });

  it("have hashes of the station's logins for the edge, the same at each start", async () => {
    const text = '[admin]\npassword = "boss"\n[[user]]\nname = "relay"\nrole = "relay"\npassword = "r"';
    const { edgeSecrets } = loadIngestSettings(stationFile(text), {});
    expect(edgeSecretsSchema.parse(edgeSecrets)).toEqual(edgeSecrets);
    expect(edgeSecrets.users.map(({ name, role }) => [name, role])).toEqual([
      ["admin", "admin"],
      ["relay", "relay"],
    ]);
    const [admin = "", relay = ""] = edgeSecrets.users.map(({ hash }) => hash);
    expect(await Promise.all([verifyPassword("boss", admin), verifyPassword("r", relay)])).toEqual([
      true,
      true,
    ]);
    expect(await verifyPassword("r", admin)).toBe(false);
    expect(loadIngestSettings(stationFile(text), {}).edgeSecrets).toEqual(edgeSecrets);
    expect(JSON.stringify(edgeSecrets)).not.toContain("boss");
  });

  it("close to listeners what a pattern closes, unless a mount says otherwise", () => {
    writeFileSync(join(folder, "users"), "u1:ec6ef230f1828039ee794566b9c58adc\n");
    const key = "k".repeat(43);
    const { edgeSecrets } = loadIngestSettings(
      stationFile(`
      [signed_urls]
      keys = ["${key}"]
      [mounts."/vip/*"]
      listener_auth = { type = "htpasswd", file = "users", allow_duplicate_users = false }
      [mounts."/vip/a"]
      max_listeners = 3
      [mounts."/vip/b"]
      signed_urls = true
      [mounts."/vip/c"]
      listener_auth = { type = "none" }
      [mounts."/paid"]
      listener_auth = { type = "url", listener_add = "http://jo:pass@a.example/add" }`),
      {},
    );
    expect(edgeSecretsSchema.parse(edgeSecrets)).toEqual(edgeSecrets);
    const users = [{ name: "u1", hash: "ec6ef230f1828039ee794566b9c58adc" }];
    const vip = { kind: "htpasswd", users, allowDuplicates: false };
    expect(edgeSecrets.signingKeys).toEqual([key]);
    expect(edgeSecrets.listeners).toEqual({
      "/vip/*": { auth: vip, signed: false },
      "/vip/b": { auth: vip, signed: true },
      "/vip/c": { signed: false },
      "/paid": {
        auth: {
          kind: "url",
          listenerAdd: "http://a.example/add",
          username: "jo",
          password: "pass",
          acceptHeader: { name: "icecast-auth-user", value: "1" },
          timelimitHeader: "icecast-auth-timelimit",
          headers: [],
          headerPrefix: "",
        },
        signed: false,
      },
    });
  });

  it("tell of an htpasswd file that cannot be read", () => {
    const { notes } = loadStackSettings(
      stationFile('[mounts."/x"]\nlistener_auth = { type = "htpasswd", file = "none" }'),
      {},
    );
    expect(notes).toEqual([
      expect.stringContaining(
        `listeners of /x: has no users, ${join(folder, "none")} cannot be read: ENOENT`,
      ),
    ]);
  });

  it.each(["icecast.xml", "station.conf"])(
    "come from an icecast.xml as well, by its content or its name: %s",
    (name) => {
      const file = join(folder, name);
      const xml = `\n<icecast>
      <authentication><source-password>a</source-password><admin-user>boss</admin-user><admin-password>b</admin-password></authentication>
      <listen-socket><port>9000</port></listen-socket><logging><accesslog>-</accesslog><errorlog>e</errorlog></logging>
    </icecast>`;
      writeFileSync(file, xml);
      const settings = loadStackSettings(flags("--config", file), {});
      expect(settings).toMatchObject({ stationFile: file, host: "0.0.0.0", edgePort: 8787, tellsEdge: true });
      expect(settings.ingest).toMatchObject({
        port: 9000,
        edgeUrl: "http://127.0.0.1:8787",
        sourcePassword: "a",
        adminUser: "boss",
        adminPassword: "b",
      });
      expect(settings.ingest).not.toHaveProperty("logs");
      expect(settings.edge).toMatchObject({ maxListenersInAll: 256, accessLog: false });
      expect(settings.notes).toEqual([
        `${file}:4: <accesslog>: not written: only files are`,
        `${file}:4: <errorlog>: not written: the log goes to standard output`,
      ]);
      writeFileSync(file, xml.replace("9000", "many"));
      expect(problemsOf(() => reloadStackSettings(settings, flags("--config", file), {}))).toEqual([
        `${file}:4: <port> must be a whole number, got "many"`,
      ]);
    },
  );

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

describe("settings of the archive", () => {
  it("reach the edge: names of recordings, their time zone, the podcast", () => {
    const { edge } = loadStackSettings(
      stationFile(
        '[station]\ntime_zone = "Asia/Seoul"\n[mounts."/x"]\narchive_name = "$${mount} %F.mp3"\narchive_time_zone = "Europe/Paris"\npodcast = true',
      ),
      {},
    );
    expect(edge.timeZone).toBe("Asia/Seoul");
    expect(edge.mounts).toEqual({
      "/x": { archiveName: "${mount} %F.mp3", archiveTimeZone: "Europe/Paris", podcast: true },
    });
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
  });

  it("reach the edge: what is kept, of a pattern's mounts and of one that keeps all", () => {
    const toml =
      '[mounts."/*"]\nretention_days = 31\nretention_bytes = 1_000_000_000\n[mounts."/x"]\nretention_days = 0\n[mounts."/y"]\narchive = false';
    const { edge } = loadStackSettings(stationFile(toml), {});
    expect(edge.mounts).toEqual({
      "/*": { retentionMs: 31 * 86_400_000, retentionBytes: 1_000_000_000 },
      "/x": { retentionMs: 0 },
      "/y": { archive: false },
    });
    expect(edgeStationSchema.parse(edge)).toEqual(edge);
  });

  it("stop the start where names would be none", () => {
    const argv = stationFile('[mounts."/x"]\narchive_name = "%Q.mp3"\narchive_time_zone = "Mars/Base"');
    expect(problemsOf(() => loadStackSettings(argv, {}))).toEqual([
      expect.stringContaining('archive_name makes no names: expected a field of strftime, got "%Q"'),
      expect.stringContaining("archive_time_zone must be the name of a time zone"),
    ]);
  });
});
