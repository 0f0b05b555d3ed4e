import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../../config/config-error.ts";
import { noteLine, readIcecastXml } from "../../../config/icecast-xml/read-icecast-xml.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "skywave-xml-"));
  for (const name of ["web", "logs"]) mkdirSync(join(folder, name));
  for (const name of ["deny", "cert.pem", "web/silence.mp3", "web/intro.mp3"])
    writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (text: string) => readIcecastXml(Buffer.from(text), { file: "icecast.xml", startedIn: folder });
const inside = (elements: string) => read(`<icecast>${elements}</icecast>`);
const notesOf = (elements: string) => inside(elements).notes.map((note) => noteLine("icecast.xml", note));
/** Without what a file that says nothing has as well. */
const ownNotes = (elements: string) =>
  notesOf(elements).filter((note) => !note.includes("-password>: not there"));

function problemsOf(text: string): readonly string[] {
  try {
    read(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("an icecast.xml with every element of 2.4.4", () => {
  const source = readFileSync(join(import.meta.dirname, "everything.xml"), "utf8");
  const everything = () => read(source.replaceAll("ROOT", folder));

  it("says in settings of ours what it says", () => {
    expect(everything().input).toEqual({
      station: {
        location: "Jóga",
        admin: "ops@example.org",
        server_id: "Icecast 2.4.3",
        hostname: "radio.example",
      },
      master: {
        url: "http://master.example:8010",
        username: "slave",
        password: "pass to master",
        update_seconds: 60,
        on_demand: true,
      },
      header: [
        { name: "Access-Control-Allow-Origin", value: "*" },
        { name: "X-Missing", value: "yes", status: 404 },
      ],
      limits: {
        max_listeners_in_all: 5000,
        sources: 7,
        header_timeout: 20,
        source_timeout: 11,
        burst_bytes: 100_000,
        connections: 5071,
        connections_per_address: 5071,
      },
      sources: { password: " spaces count " },
      admin: { user: "boss", password: "a<b&c" },
      user: [{ name: "slaves", role: "relay", password: "pass" }],
      ingest: {
        port: 9000,
        address: "127.0.0.1",
        shoutcast_mount: "/sc.mp3",
        tls: { cert: join(folder, "cert.pem"), key: join(folder, "cert.pem"), port: 9443 },
      },
      directory: [{ url: "http://dir.xiph.org/cgi-bin/yp-cgi", timeout_seconds: 6, touch_seconds: 60 }],
      relay: [
        {
          url: "http://10.0.0.1:8001/remote.mp3",
          mount: "/local.mp3",
          username: "joe",
          password: "soap",
          titles: false,
        },
        { url: "http://[::1]:8002/same.mp3", mount: "/same.mp3", on_demand: true },
      ],
      mounts: {
        "/**": {
          max_listener_seconds: 3600,
          header: [{ name: "X-All", value: "1" }],
          listener_auth: { type: "htpasswd", file: "/nowhere/all" },
          fallback_override: "none",
        },
        "/full.mp3": {
          archive_name: "dump.mp3",
          dump_file: "/tmp/dump.mp3",
          username: "dj",
          password: "hidden",
          max_listeners: 5,
          intro: join(folder, "web/intro.mp3"),
          fallback_file: join(folder, "web/silence.mp3"),
          fallback_override: "all",
          fallback_when_full: true,
          charset: "ISO8859-15",
          metaint: 4096,
          no_mount: true,
          hidden: true,
          on_connect: "/bin/sh",
          on_disconnect: "/bin/nothing",
          max_listener_seconds: 60,
          source_timeout: 33,
          burst_bytes: 65_536,
          stream_name: "Name",
          stream_description: "Description",
          stream_url: "http://stream.example",
          genre: "Jazz",
          bitrate: "128",
          public: true,
          subtype: "mp3",
          header: [
            { name: "X-Own", value: "2" },
            { name: "X-All", value: "1" },
          ],
          listener_auth: {
            type: "url",
            listener_add: "http://auth.example/add",
            listener_remove: "http://auth.example/remove",
            username: "ice",
            password: "cream",
            accept_header: "x-user: yes",
            timelimit_header: "x-limit",
            headers: ["x-token", "referer"],
            header_prefix: "H.",
          },
          notify_connect: { url: "http://auth.example/madd", username: "ice", password: "cream" },
          notify_disconnect: { url: "http://auth.example/mremove", username: "ice", password: "cream" },
          source_auth: { url: "http://auth.example/stream", username: "ice", password: "cream" },
        },
        "/plain.mp3": {
          public: false,
          fallback_mount: "/full.mp3",
          burst_seconds: 0,
          listener_auth: { type: "none" },
        },
      },
      web: { root: join(folder, "web") },
      bans: { deny_file: join(folder, "deny"), allow_file: join(folder, "allow") },
      alias: [
        { source: "/", destination: "/status.xsl" },
        { source: "/old", destination: "/full.mp3", port: 9000 },
      ],
      logs: {
        folder: join(folder, "logs"),
        access: "a.log",
        playlist: "p.log",
        max_kilobytes: 500,
        archive: true,
      },
    });
  });

  it("has what has no counterpart named, with its line and what happens instead", () => {
    const lines = source.split("\n");
    const notes = everything().notes;
    expect(notes.map(({ element }) => element.slice(1, -1))).toEqual([
      "icelogin",
      "mime-types",
      "queue-size",
      "threadpool",
      "client-timeout",
      "so-sndbuf",
      "listen-socket",
      "listen-socket",
      "listen-socket",
      "yp-url-timeout",
      "bind",
      "on-disconnect",
      "queue-size",
      "cluster-password",
      "type",
      "pidfile",
      "allow-ip",
      "ssl-allowed-ciphers",
      "adminroot",
      "alias",
      "errorlog",
      "loglevel",
      "changeowner",
    ]);
    for (const { line, element, text } of notes) {
      expect(lines[line - 1]).toContain(element.slice(0, -1));
      expect(text).toMatch(/.{9}/);
    }
    expect(notes.filter(({ element }) => element === "<listen-socket>").map(({ text }) => text)).toEqual([
      "port 9100 is not opened: port 9000 serves sources and listeners",
      "all ports are opened on 127.0.0.1, as the first one",
      "all ports are opened on 127.0.0.1, as the first one",
    ]);
  });
});

describe("what an icecast.xml leaves out", () => {
  it("is as in Icecast where an operator would notice", () => {
    const { station } = inside("");
    expect(station.limits).toMatchObject({ max_listeners_in_all: 256, sources: 16, burst_bytes: 65_536 });
    expect(station.limits).toMatchObject({ header_timeout: 15, source_timeout: 10 });
    expect(station.ingest).toEqual({ address: "0.0.0.0", port: 8000, shoutcast_mount: "/stream" });
    expect(station.logs).toMatchObject({ access: "access.log", archive: false });
    expect(station.web).toEqual({});
    expect(notesOf("")).toEqual([
      "icecast.xml:1: <source-password>: not there: one is made at random on the first start, kept and printed",
      "icecast.xml:1: <admin-password>: not there: one is made at random on the first start, kept and printed",
    ]);
  });

  it("counts as left out where an element is empty", () => {
    const empty =
      "<hostname/><location> </location><authentication><admin-user/><source-password></source-password></authentication>";
    expect(inside(empty).station).toEqual(inside("").station);
  });
});

describe("elements given twice", () => {
  it("are the last where there is one of them, and all where there may be several", () => {
    const { station } = inside(
      `<hostname>a</hostname><hostname>b</hostname><limits><clients>1</clients></limits><limits><clients>2</clients></limits>
       <directory><yp-url>http://a/</yp-url></directory><directory><yp-url>http://b/</yp-url></directory>`,
    );
    expect(station.station.hostname).toBe("b");
    expect(station.limits.max_listeners_in_all).toBe(2);
    expect(station.directory.map(({ url }) => url)).toEqual(["http://a/", "http://b/"]);
  });

  it.each([
    ["<burst-size>9</burst-size><burst-on-connect>0</burst-on-connect>", { burst_seconds: 0 }],
    ["<burst-on-connect>0</burst-on-connect><burst-size>9</burst-size>", { burst_bytes: 9 }],
    ["<burst-on-connect>1</burst-on-connect>", { burst_bytes: 65_536 }],
    ["<burst-size>0</burst-size>", { burst_seconds: 0 }],
    ["<burst-size>10s</burst-size>", { burst_seconds: 10 }],
  ])("count in their order for the burst: %s", (limits, burst) => {
    const { burst_seconds, burst_bytes } = (inside(`<limits>${limits}</limits>`).input["limits"] ?? {}) as {
      burst_seconds?: number;
      burst_bytes?: number;
    };
    expect({ burst_seconds, burst_bytes }).toEqual({
      burst_seconds: undefined,
      burst_bytes: undefined,
      ...burst,
    });
  });
});

describe("listen-sockets", () => {
  const ingestOf = (sockets: string) => inside(sockets).input["ingest"];
  const socket = (elements: string) => `<listen-socket>${elements}</listen-socket>`;

  it("may be the elements of a root that has none", () => {
    expect(
      ingestOf("<port>9000</port><bind-address>::1</bind-address><shoutcast-mount>/a</shoutcast-mount>"),
    ).toEqual({
      port: 9000,
      address: "::1",
      shoutcast_mount: "/a",
    });
    expect(ingestOf(`<port>9000</port>${socket("<port>9500</port>")}`)).toMatchObject({ port: 9500 });
  });

  it("give SHOUTcast sources the port that is theirs", () => {
    const sockets =
      socket("<port>8000</port>") + socket("<port>8005</port><shoutcast-compat>1</shoutcast-compat>");
    expect(ingestOf(sockets)).toMatchObject({ port: 8000, shoutcast_port: 8005 });
    expect(ownNotes(sockets)).toEqual([]);
  });

  it("with TLS right above the plain one move the SHOUTcast port out of the way", () => {
    const sockets = `<paths><ssl-certificate>${folder}/cert.pem</ssl-certificate></paths>${socket("<port>8000</port>")}${socket("<port>8001</port><ssl>1</ssl>")}`;
    expect(ingestOf(sockets)).toMatchObject({
      port: 8000,
      shoutcast_port: 8002,
      tls: { port: 8001, shoutcast_port: 8003 },
    });
    expect(ownNotes(sockets)).toEqual([
      "icecast.xml:1: <listen-socket>: SHOUTcast sources connect to port 8002, for 8001 speaks TLS",
    ]);
  });

  it("with TLS are not opened without a certificate", () => {
    const tls = socket("<port>8443</port><ssl>1</ssl>");
    expect(ingestOf(socket("<port>8000</port>") + tls)).toEqual({ port: 8000, address: "0.0.0.0" });
    expect(ownNotes(socket("<port>8000</port>") + tls)).toEqual([
      "icecast.xml:1: <listen-socket>: port 8443 is not opened: there is no <ssl-certificate>",
    ]);
    expect(
      ownNotes(
        `${socket("<port>8000</port>")}${tls}<paths><ssl-certificate>none.pem</ssl-certificate></paths>`,
      ),
    ).toEqual([
      `icecast.xml:1: <ssl-certificate>: port 8443 is not opened: ${folder}/none.pem cannot be read`,
    ]);
  });

  it("take port 8787 from the edge where they have it", () => {
    expect(inside(socket("<port>8787</port>")).station.edge.port).not.toBe(8787);
    expect(inside(socket("<port>8000</port>")).station.edge.port).toBe(8787);
  });
});

describe("elements of Icecast 2.5 and KH", () => {
  const mount = (elements: string) =>
    (
      inside(`<mount><mount-name>/a</mount-name>${elements}</mount>`).input["mounts"] as Record<
        string,
        unknown
      >
    )["/a"];

  it.each([
    ["<linger-for>30</linger-for>", { grace_seconds: 30 }],
    ["<hijack>1</hijack>", { takeover: "always" }],
    ["<hijack>0</hijack>", { takeover: "never" }],
    ["<burst-size>7s</burst-size>", { burst_seconds: 7 }],
    ["<fallback-override>own</fallback-override>", { fallback_override: "own" }],
    ["<fallback-override>all</fallback-override>", { fallback_override: "all" }],
    ["<fallback-override>none</fallback-override>", { fallback_override: "none" }],
    ["<fallback-override>0</fallback-override>", { fallback_override: "none" }],
    ["<icy-metadata-interval>0</icy-metadata-interval>", { metaint: 0 }],
    ["<metadata-interval>99</metadata-interval>", { metaint: 99 }],
    ["<allow-direct-access>no</allow-direct-access>", { no_mount: true }],
    ["<hidden>yes</hidden>", { hidden: true }],
    [
      '<authentication><role type="htpasswd"><option name="filename" value="/x"/></role></authentication>',
      { listener_auth: { type: "htpasswd", file: "/x" } },
    ],
  ])("that have a counterpart are read: %s", (elements, settings) => {
    expect(mount(elements)).toEqual(settings);
  });

  it("are read outside of mounts as well", () => {
    const { input, notes } = inside(
      `<yp-directory url="http://d/"><option name="timeout" value="3"/><option name="touch-interval" value="10"/></yp-directory>
       <relay><local-mount>/r</local-mount>
        <upstream type="default"><port>80</port></upstream>
        <upstream><server>a</server><mount>/x</mount></upstream>
        <upstream><server>b</server></upstream></relay>`,
    );
    expect(input["directory"]).toEqual([{ url: "http://d/", timeout_seconds: 3, touch_seconds: 30 }]);
    expect(input["relay"]).toEqual([{ url: "http://a:80/x", mount: "/r" }]);
    const named = notes.filter(({ element }) => !element.endsWith("-password>"));
    expect(named.map(({ line, element }) => [line, element])).toEqual([
      [1, "<option>"],
      [5, "<upstream>"],
    ]);
  });
});

describe("mounts of an icecast.xml", () => {
  const mountsOf = (mounts: string) => inside(mounts).input["mounts"] as Record<string, object>;

  it("have default ones as patterns, the first of which counts most", () => {
    const mounts = mountsOf(
      `<mount type="default"><mount-name>/shows/*</mount-name><hidden>1</hidden></mount>
       <mount type="default"><hidden>0</hidden></mount>
       <mount><mount-name>/shows/a</mount-name></mount>`,
    );
    expect(Object.entries(mounts)).toEqual([
      ["/**", { hidden: false }],
      ["/shows/*", { hidden: true }],
      ["/shows/a", {}],
    ]);
  });

  it("never become open because their authentication is not understood", () => {
    const mount =
      '<mount><mount-name>/a</mount-name><authentication type="command"><option name="x" value="y"/></authentication></mount>';
    expect(mountsOf(mount)).toEqual({ "/a": { listener_auth: { type: "htpasswd" } } });
    expect(ownNotes(mount)).toEqual([
      'icecast.xml:1: <authentication>: type "command" is not known: nobody may listen to this mount',
    ]);
  });

  it.each([
    [
      "<mount><max-listeners>1</max-listeners></mount>",
      "<mount>: left out, as in Icecast: it has no <mount-name>",
    ],
    [
      "<mount><mount-name>a</mount-name></mount>",
      '<mount-name>: the mount is left out: mount name must begin with "/"',
    ],
    [
      "<mount><mount-name>/a</mount-name></mount><mount><mount-name>/a</mount-name></mount>",
      "<mount-name>: left out: the first <mount> of a name counts",
    ],
    [
      '<mount type="odd"><mount-name>/a</mount-name></mount>',
      '<mount>: left out, as in Icecast: its type is "odd"',
    ],
    [
      "<mount><mount-name>/a</mount-name><fallback-mount>/a</fallback-mount></mount>",
      "<fallback-mount>: no fallback: a mount cannot fall back to itself",
    ],
    [
      "<mount><mount-name>/a</mount-name><intro>/none.mp3</intro></mount>",
      "<intro>: no intro: there is no <webroot>, where it would lie",
    ],
    [
      "<mount><mount-name>/a</mount-name><pasword>x</pasword></mount>",
      "<pasword>: not known in <mount>, it has no effect; did you mean <password>?",
    ],
    [
      "<Hostname>x</Hostname>",
      "<Hostname>: not known in <icecast>, it has no effect; did you mean <hostname>?",
    ],
    ["<relay><server>a</server></relay>", "<relay>: left out: it has no <port>"],
    [
      "<relay><server>a</server><port>1</port></relay>",
      '<relay>: left out: "/" cannot be a mount here (mount name has nothing before or after a "/"); name a <local-mount>',
    ],
    [
      "<master-server>a</master-server>",
      "<master-server>: not asked, as in Icecast: that takes <master-server-port> and <master-password>",
    ],
    ["<directory/>", "<directory>: left out: it has no URL"],
    ["<logging><accesslog>-</accesslog></logging>", "<accesslog>: not written: only files are"],
    [
      "<paths><webroot>nowhere</webroot></paths>",
      "<webroot>: no files are served: FOLDER/nowhere is not a folder",
    ],
    [
      "<paths><logdir>nowhere</logdir></paths>",
      "<logdir>: logs go to the data folder: FOLDER/nowhere cannot be written",
    ],
    [
      "<authentication><relay-user>admin</relay-user><relay-password>x</relay-password></authentication>",
      '<relay-password>: not used: "admin" is the administrator, who logs in with <admin-password>',
    ],
  ])("and the rest are named where they cannot be as they say: %s", (elements, note) => {
    expect(ownNotes(elements)).toEqual([`icecast.xml:1: ${note.replace("FOLDER", folder)}`]);
  });

  it("have very many notes of one kind summed up", () => {
    const notes = ownNotes("<unknown/>".repeat(500));
    expect(notes).toHaveLength(21);
    expect(notes.at(-1)).toContain("480 more");
  });
});

describe("relative paths", () => {
  it("start where the server was started", () => {
    expect(inside("<paths><webroot>web</webroot></paths>").input["web"]).toEqual({
      root: join(folder, "web"),
    });
  });

  it("and absolute ones start in the base folder of a chroot", () => {
    const { input, notes } = inside(
      `<paths><basedir>${folder}</basedir><webroot>/web</webroot><logdir>logs</logdir></paths><security><chroot>1</chroot></security>`,
    );
    expect(input["web"]).toEqual({ root: join(folder, "web") });
    expect(input["logs"]).toMatchObject({ folder: join(folder, "logs") });
    expect(notes.some(({ element }) => element === "<chroot>")).toBe(true);
  });
});

describe("mistakes in an icecast.xml", () => {
  it("are reported all at once with their lines, and without passwords", () => {
    const text = [
      "<icecast>",
      "<limits><clients>many</clients>",
      "<sources>0</sources></limits>",
      `<authentication><source-password>${"secret".repeat(40)}</source-password></authentication>`,
      "<listen-socket><port>70000</port>",
      "<bind-address>radio.example</bind-address></listen-socket>",
      "<mount><mount-name>/a</mount-name><charset>klingon</charset>",
      "<hidden>maybe</hidden></mount>",
      '<paths><alias source="old" destination="/new"/></paths>',
      '<http-headers><header name="a b" value="c"/></http-headers>',
      "<directory><yp-url>ftp://d/</yp-url></directory>",
      "<logging><loglevel>9</loglevel></logging>",
      "</icecast>",
    ].join("\n");
    expect(problemsOf(text)).toEqual([
      'icecast.xml:2: <clients> must be a whole number, got "many"',
      "icecast.xml:3: <sources> must be a whole number from 1 to 10000, got 0",
      "icecast.xml:4: <source-password> must be text of 1 to 128 characters without line breaks",
      "icecast.xml:5: <port> must be a port from 1 to 65534, got 70000",
      'icecast.xml:6: <bind-address> must be an IP address or "localhost", got "radio.example"',
      'icecast.xml:7: <charset> must be the name of a character encoding that titles can be written in, got "klingon"',
      'icecast.xml:8: <hidden> must be a whole number, got "maybe"',
      'icecast.xml:9: <alias> must be a path that begins with "/", got "old"',
      'icecast.xml:10: <header> must be the name of a header, got "a b"',
      'icecast.xml:11: <directory> must be an http or https URL, got "ftp://d/"',
      "icecast.xml:12: <loglevel> must be a number from 1 to 4",
    ]);
  });

  it.each([
    ["<icecast>\n<hostname>x</hostnam>\n</icecast>", "icecast.xml:2: "],
    ["<icecast>", "icecast.xml:1: "],
    ["", "icecast.xml:1: "],
    ["<shoutcast/>", "icecast.xml:1: the root is <shoutcast>, not <icecast>"],
  ])("stop the reading where it is no such file: %j", (text, problem) => {
    expect(problemsOf(text)).toHaveLength(1);
    expect(problemsOf(text)[0]).toContain(problem);
  });
});
