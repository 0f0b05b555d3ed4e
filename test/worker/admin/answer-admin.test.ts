import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerAdmin } from "../../../worker/admin/answer-admin.ts";
import { adminLogin, FakeStation, login, session, sourceLogin } from "./fake-station.ts";

interface Asking {
  readonly station?: FakeStation;
  readonly authorization?: string | null;
  readonly method?: string;
  readonly form?: string;
}

async function ask(
  target: string,
  { station = new FakeStation(), authorization = adminLogin, method = "GET", form }: Asking = {},
) {
  const headers = new Headers(authorization === null ? {} : { Authorization: authorization });
  if (form !== undefined) headers.set("Content-Type", "application/x-www-form-urlencoded");
  const url = new URL(`http://radio.example:8000/admin/${target}`);
  const request = new Request(url, { method, headers, ...(form !== undefined && { body: form }) });
  const reply = await answerAdmin(request, url.pathname.slice("/admin/".length), station);
  return {
    status: reply.status,
    type: reply.headers.get("Content-Type"),
    headers: reply.headers,
    body: await reply.text(),
    station,
  };
}

const xml = (root: string) => `<?xml version="1.0"?>\n${root}\n`;
const said = (message: string, result: 0 | 1) =>
  xml(`<iceresponse><message>${message}</message><return>${result}</return></iceresponse>`);
const error400 = (message: string) =>
  `<html><head><title>Error 400</title></head><body><b>400 - ${message}</b></body></html>\r\n`;

describe("an administrator's command", () => {
  it.each([
    // As Icecast 2.4.4 on the wire.
    ["metadata?mount=/a.mp3&mode=updinfo&song=It%27s%20me%20-%20B", said("Metadata update successful", 1)],
    ["metadata?mount=/a.mp3&mode=zz", said("No such action", 0)],
    ["metadata?mount=/a.mp3&mode=updinfo", said("Metadata update successful", 1)],
    ["killclient?mount=/a.mp3&id=53", said("Client 53 removed", 1)],
    ["killclient?mount=/a.mp3&id=9999", said("Client 9999 not found", 0)],
    ["killclient?mount=/a.mp3&id=abc", said("Client 0 not found", 0)],
    ["killsource?mount=/b.mp3", said("Source Removed", 1)],
    ["moveclients?mount=/a.mp3&destination=/b.mp3", said("Clients moved from /a.mp3 to /b.mp3", 1)],
    ["moveclients?mount=/a.mp3&destination=/live.mp3", said("Clients moved from /a.mp3 to /live.mp3", 1)],
    ["updatemetadata?mount=/a.mp3", xml('<icestats><source mount="/a.mp3"/></icestats>')],
    [
      "listclients?mount=/a.mp3",
      xml(
        '<icestats><source mount="/a.mp3"><Listeners>1</Listeners><listener><IP>127.0.0.1</IP><UserAgent>VLC/3.0 LibVLC</UserAgent><Connected>1</Connected><ID>53</ID></listener></source></icestats>',
      ),
    ],
    [
      "manageauth?mount=/auth.mp3",
      xml('<icestats><source mount="/auth.mp3"><User><username>u1</username></User></source></icestats>'),
    ],
    [
      "manageauth?mount=/auth.mp3&action=add&username=u1&password=p3",
      xml(
        '<icestats><source mount="/auth.mp3"><User><username>u1</username></User></source><iceresponse><message>User already exists - not added</message></iceresponse></icestats>',
      ),
    ],
    [
      "manageauth?mount=/auth.mp3&action=delete&username=zz",
      xml(
        '<icestats><source mount="/auth.mp3"><User><username>u1</username></User></source><iceresponse><message>User deleted</message></iceresponse></icestats>',
      ),
    ],
    [
      "moveclients?mount=/b.mp3",
      xml(
        '<icestats><current_source>/b.mp3</current_source><source mount="/a.mp3"><fallback></fallback><listeners>1</listeners><Connected>27</Connected><content-type>audio/mpeg</content-type></source><source mount="/auth.mp3"><fallback></fallback><listeners>0</listeners><authenticator>htpasswd</authenticator><Connected>1</Connected><content-type>audio/mpeg</content-type></source><source mount="/dump.mp3"><fallback></fallback><listeners>0</listeners><Connected>1</Connected><content-type>audio/mpeg</content-type></source></icestats>',
      ),
    ],
  ])("%s is answered as Icecast answers it", async (target, body) => {
    const reply = await ask(target);
    expect(reply).toMatchObject({ status: 200, type: "text/xml; charset=utf-8", body });
    expect(reply.headers.get("Content-Length")).toBe(String(body.length));
  });

  it.each([
    ["zzz", "Unrecognised command"],
    ["zzz?mount=/a.mp3", "Unrecognised command"],
    ["Stats", "Unrecognised command"],
    ["stats/", "Unrecognised command"],
    ["buildm3u.xsl?mount=/b.mp3&username=u&password=p", "Unrecognised command"],
    ["toString", "Unrecognised command"],
    ["listclients", "Unknown admin request"],
    ["moveclients?destination=/a.mp3", "Unknown admin request"],
    ["killsource", "Unknown admin request"],
    ["buildm3u", "Unknown admin request"],
    ["listmounts?mount=/a.mp3", "Mount request unknown"],
    ["streamlist.txt?mount=/a.mp3", "Mount request unknown"],
    ["stats?mount=", "Source does not exist"],
    ["stats?mount=/zz.mp3", "Source does not exist"],
    ["listclients?mount=a.mp3", "Source does not exist"],
    ["moveclients?mount=/live.mp3&destination=/a.mp3", "Source does not exist"],
    ["killclient?mount=/a.mp3", "Missing parameter"],
    ["fallbacks?mount=/a.mp3", "Missing parameter"],
    ["metadata?mount=/a.mp3", "Missing parameter"],
    ["moveclients?mount=/a.mp3&destination=/zz.mp3", "No such destination"],
    ["moveclients?mount=/a.mp3&destination=", "No such destination"],
    ["moveclients?mount=/a.mp3&destination=/a.mp3", "supplied mountpoints are identical"],
    ["moveclients?mount=/b.mp3&destination=/live.mp3", "supplied mountpoints are identical"],
    ["manageauth?mount=/b.mp3&action=list", "missing parameter"],
    ["manageauth?mount=/auth.mp3&action=add&username=u", "missing parameter"],
    ["manageauth?mount=/auth.mp3&action=delete", "missing parameter"],
    ["buildm3u?mount=/b.mp3&username=u", "Missing parameter"],
  ])("%s is refused with Icecast's words", async (target, message) => {
    const station = new FakeStation();
    const reply = await ask(target, { station });
    expect(reply).toMatchObject({ status: 400, body: error400(message) });
    expect([station.calls, station.audited]).toEqual([[], []]);
  });

  it("is not heard from somebody without a login, but for what it is called", async () => {
    for (const target of [
      "stats",
      "listclients?mount=/a.mp3",
      "killsource?mount=/zz.mp3",
      "buildm3u",
      "streamlist.txt",
    ]) {
      expect(await ask(target, { authorization: null }), target).toMatchObject({ status: 401 });
    }
    expect(await ask("zzz", { authorization: null })).toMatchObject({ status: 400 });
    expect(
      await ask("listclients?mount=/zz.mp3", { authorization: login("relay", "relaypw") }),
    ).toMatchObject({ status: 403 });
  });

  it("is carried out for the source of the mount, on its own mount only", async () => {
    const station = new FakeStation();
    const authorization = sourceLogin;
    expect(await ask("killsource?mount=/a.mp3", { station, authorization })).toMatchObject({ status: 200 });
    expect(await ask("metadata?mount=/a.mp3&mode=updinfo&song=x", { station, authorization })).toMatchObject({
      status: 200,
    });
    expect(await ask("killsource?mount=/b.mp3", { station, authorization })).toMatchObject({ status: 401 });
    expect(await ask("stats", { station, authorization })).toMatchObject({ status: 401 });
    expect(station.calls).toEqual(["killsource /a.mp3", "title /a.mp3 x"]);
    // Its songs are no deeds: they would push everything else out of the log.
    expect(station.audited).toEqual(['source:/a.mp3 killsource {"mount":"/a.mp3"}']);
  });

  it("leaves accounts that other mounts have too to the station's users", async () => {
    const station = new FakeStation();
    station.ownAccounts = false;
    station.authenticatorOf = async () => "htpasswd";
    const target = "manageauth?mount=/a.mp3&action=add&username=x&password=y";
    expect(await ask(target, { station, authorization: sourceLogin })).toMatchObject({ status: 403 });
    expect(station.users).toEqual(["u1"]);
    expect(await ask(target, { station })).toMatchObject({ status: 200 });
    station.ownAccounts = true;
    expect(await ask(target, { station, authorization: sourceLogin })).toMatchObject({ status: 200 });
  });

  it.each([
    "metadata?mount=/a.mp3&mode=updinfo&song=x",
    "killclient?mount=/a.mp3&id=53",
    "killsource?mount=/a.mp3",
    "moveclients?mount=/a.mp3&destination=/b.mp3",
    "fallbacks?mount=/a.mp3&fallback=/b.mp3",
    "manageauth?mount=/auth.mp3&action=add&username=u2&password=hush",
    "manageauth?mount=/auth.mp3&action=delete&username=u1",
  ])("%s is not done when it cannot be written down", async (target) => {
    const station = new FakeStation();
    station.isWritable = false;
    await expect(ask(target, { station })).rejects.toThrow("the log is full");
    expect(station.calls).toEqual([]);
    expect(station.users).toEqual(["u1"]);
  });

  it("that changes something is for operators, one that looks for viewers too", async () => {
    const authorization = login("view", "viewpw");
    const station = new FakeStation();
    expect(await ask("listclients?mount=/a.mp3", { station, authorization })).toMatchObject({ status: 200 });
    for (const command of [
      "killclient",
      "killsource",
      "moveclients",
      "metadata",
      "fallbacks",
      "manageauth",
    ]) {
      expect(await ask(`${command}?mount=/a.mp3`, { station, authorization }), command).toMatchObject({
        status: 403,
      });
    }
    const operator = login("ops", "opspw");
    expect(await ask("killclient?mount=/a.mp3&id=53", { station, authorization: operator })).toMatchObject({
      status: 200,
    });
  });

  it("that changes something waits for the guard; one that looks, or a source's song, does not", async () => {
    const station = new FakeStation();
    station.guard = () => new Response("sure?");
    for (const target of [
      "killsource?mount=/a.mp3",
      "fallbacks?mount=/a.mp3&fallback=/b.mp3",
      "manageauth?mount=/auth.mp3&action=add&username=x&password=y",
    ]) {
      expect(await ask(target, { station }), target).toMatchObject({ body: "sure?" });
    }
    for (const target of [
      "listmounts",
      "moveclients?mount=/a.mp3",
      "manageauth?mount=/auth.mp3&action=list",
    ]) {
      expect((await ask(target, { station })).type, target).toBe("text/xml; charset=utf-8");
    }
    const killed = await ask("killsource?mount=/a.mp3", { station, authorization: sourceLogin });
    expect(killed).toMatchObject({ body: "sure?" });
    expect(station.calls).toEqual([]);
    await ask("metadata?mount=/a.mp3&mode=updinfo&song=x", { station, authorization: sourceLogin });
    expect(station.calls).toEqual(["title /a.mp3 x"]);
  });

  it("is written down, without what is secret", async () => {
    const station = new FakeStation();
    await ask("manageauth?mount=/auth.mp3&action=add&username=u2&password=hush", { station });
    await ask("moveclients?mount=/a.mp3&destination=/b.mp3&id=53", { station });
    await ask("killclient?mount=/a.mp3&id=1", { station });
    await ask("fallbacks?mount=/a.mp3&fallback=/b.mp3", { station });
    expect(station.audited).toEqual([
      'admin manageauth {"mount":"/auth.mp3","action":"add","username":"u2"}',
      'admin moveclients {"mount":"/a.mp3","destination":"/b.mp3","listener":"53"}',
      'admin killclient {"mount":"/a.mp3","listener":"1"}',
      'admin fallbacks {"mount":"/a.mp3","fallback":"/b.mp3"}',
    ]);
    expect(station.calls).toContain("move /a.mp3 /b.mp3 53");
  });

  it("takes its fields from a form too, which go before the query's; of equal names the last", async () => {
    const station = new FakeStation();
    await ask("killclient?mount=/b.mp3&id=1", { station, method: "POST", form: "mount=%2Fa.mp3&id=53" });
    await ask("killclient?id=1&id=53&mount=/b.mp3&mount=/a.mp3", { station });
    expect(station.calls).toEqual(["kill /a.mp3 53", "kill /a.mp3 53"]);
  });

  it("with too large a form is refused before anything else is looked at", async () => {
    const form = `mount=/a.mp3&song=${"x".repeat(16 * 1024)}`;
    expect(await ask("metadata", { method: "POST", form })).toMatchObject({ status: 413 });
  });

  it("by HEAD or PUT is none", async () => {
    const station = new FakeStation();
    for (const method of ["HEAD", "PUT", "DELETE"]) {
      expect(await ask("killsource?mount=/a.mp3", { station, method }), method).toMatchObject({
        status: 400,
      });
    }
    expect(station.calls).toEqual([]);
  });

  it("takes back a fallback with an empty one", async () => {
    const station = new FakeStation();
    const reply = await ask("fallbacks.xsl?mount=/a.mp3&fallback=", { station });
    expect(reply).toMatchObject({
      type: "text/html; charset=utf-8",
      body: "<html><head><title>Admin request successful</title></head><body><p>Fallback configured</p></body></html>",
    });
    expect(station.calls).toEqual(["fallback /a.mp3 null"]);
  });

  it("keeps accounts of a mount that is off the air, and has none where a URL decides", async () => {
    expect(await ask("manageauth?mount=/quiet.mp3&action=list")).toMatchObject({ status: 200 });
    const reply = await ask("manageauth?mount=/url.mp3&action=add&username=a&password=b");
    expect(reply.body).toContain("<message>User add failed - check the icecast error log</message>");
  });
});

describe("the list of streams for relays", () => {
  it("leaves out what is hidden, for the relay's login and an administrator's", async () => {
    for (const authorization of [login("relay", "relaypw"), adminLogin]) {
      const reply = await ask("streamlist.txt", { authorization });
      expect(reply).toMatchObject({
        type: "text/plain; charset=utf-8",
        body: "/a.mp3\r\n/auth.mp3\r\n/b.mp3\r\n",
      });
    }
    expect(await ask("streamlist", { authorization: login("relay", "relaypw") })).toMatchObject({
      status: 403,
    });
  });
});

describe("a listener's playlist", () => {
  it("is anybody's, of any mount, with name and password that lead nowhere else", async () => {
    const reply = await ask("buildm3u?mount=/zz.mp3&username=a%40b&password=p%2F:", { authorization: null });
    expect(reply).toMatchObject({
      status: 200,
      type: "audio/x-mpegurl",
      body: "http://a%40b:p%2F%3A@radio.example:8000/zz.mp3\r\n",
    });
    expect(reply.headers.get("Content-Disposition")).toBe("attachment; filename=listen.m3u");
  });
});

describe("the page of a command", () => {
  it("has nothing of what others say as markup, and posts with the token", async () => {
    const station = new FakeStation();
    station.sessions = [session(7, { userAgent: '<script>alert("1")</script>', user: "<b>" })];
    const { body, type, headers } = await ask("listclients.xsl?mount=/a.mp3", { station });
    expect(type).toBe("text/html; charset=utf-8");
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(body).not.toContain("<script");
    expect(body).not.toContain("<b>");
    expect(body).toContain("&lt;script&gt;");
    expect(body).toContain('<input type="hidden" name="csrf" value="token">');
    expect(body).toContain("Radio &lt;Sky&gt;");
  });

  it.each([
    "stats.xsl",
    "listmounts.xsl",
    "moveclients.xsl",
    "moveclients.xsl?mount=/a.mp3",
    "manageauth.xsl?mount=/auth.mp3",
    "updatemetadata.xsl?mount=/a.mp3",
    "killclient.xsl?mount=/a.mp3&id=53",
  ])("%s is whole", async (target) => {
    const { status, body } = await ask(target);
    expect(status).toBe(200);
    expect(body).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(body).not.toMatch(/\[object|undefined/);
  });
});

const commandName = fc.oneof(
  fc.constantFrom(
    "stats",
    "stats.xml",
    "listmounts",
    "listclients",
    "metadata",
    "killclient",
    "killsource",
    "moveclients",
    "fallbacks",
    "manageauth",
    "updatemetadata",
    "buildm3u",
    "streamlist.txt",
  ),
  fc.string(),
);
const fieldName = fc.oneof(
  fc.constantFrom(
    "mount",
    "id",
    "destination",
    "fallback",
    "action",
    "username",
    "password",
    "mode",
    "song",
    "charset",
    "url",
  ),
  fc.string(),
);
const fieldValue = fc.oneof(
  fc.constantFrom("/a.mp3", "/auth.mp3", "/zz.mp3", "add", "delete", "updinfo", "53", ""),
  fc.string({ unit: "binary" }),
);
const fieldList = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 8 });

describe("anything that is asked", () => {
  it("is answered, refused with Icecast's errors, and never a failure", async () => {
    const anything = fc.record({
      name: commandName,
      ending: fc.constantFrom("", ".xsl"),
      query: fieldList,
      form: fieldList,
      raw: fc.string(),
      who: fc.constantFrom(adminLogin, sourceLogin, null),
    });
    await fc.assert(
      fc.asyncProperty(anything, async ({ name, ending, query, form, raw, who }) => {
        const encoded = (fields: [string, string][]) =>
          fields
            .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join("="))
            .join("&");
        const target = `${encodeURIComponent(name.toWellFormed())}${ending}?${encoded(query)}&${raw.replaceAll("#", "").toWellFormed()}`;
        const reply = await ask(target, {
          authorization: who,
          ...(form.length > 0 && { method: "POST", form: encoded(form) }),
        });
        expect([200, 400, 401, 403]).toContain(reply.status);
        // oxlint-disable-next-line no-control-regex -- XML has none of these
        if (reply.type?.startsWith("text/xml")) expect(reply.body).not.toMatch(/[^\n\t\x20-\x7e]/);
      }),
      { numRuns: 400 },
    );
  });
});
