import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ingestApiPrefix } from "../../shared/edge-api.ts";
import {
  type Access,
  adminCgiAccess,
  adminCommandAccess,
  routeAccess,
} from "../../worker/access/route-access.ts";
import { loopSource } from "../support/loop-source.ts";
import type { Stack } from "../support/stack.ts";
import { startStation } from "../support/station.ts";
import { waitFor } from "../support/wait.ts";

/** Every route, asked by everybody, on both ports. */
const live = "/live.mp3";
const other = "/other.mp3";
const members = "/members.mp3";
const asked = encodeURIComponent(live);

const logins = {
  nobody: null,
  wrong: "ada:wrong",
  listener: "anna:anna-pw",
  "source of this mount": "source:live-pw",
  "source of another": "source:other-pw",
  relay: "relay:relay-pw",
  viewer: "vera:vera-pw",
  operator: "olga:olga-pw",
  admin: "ada:ada-pw",
} as const;
type Who = keyof typeof logins | "ingest host";
const everybody: readonly Who[] = [...(Object.keys(logins) as Who[]), "ingest host"];

/** One request for a row of the table. `ok`: the status for whoever may. */
interface Sample {
  readonly row: string;
  readonly access: Access;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly ok: number;
  /** What some get before anybody looks who they are. */
  readonly instead?: Partial<Record<Who, number>>;
}

/** What to ask for where the path itself is not enough. Nothing in it changes what the next one finds. */
const details: Readonly<Record<string, Partial<Omit<Sample, "row" | "access">>>> = {
  "ALL /api/ingest/v1/*": { method: "POST", path: `${ingestApiPrefix}/nothing`, ok: 400 },
  "POST /api/ingest/v1/claim": { body: {}, ok: 400 },
  "POST /api/ingest/v1/announce": { body: {}, ok: 400 },
  "POST /api/ingest/v1/renew": { body: {}, ok: 400 },
  "POST /api/ingest/v1/release": { body: {}, ok: 400 },
  "POST /api/ingest/v1/station": { body: {}, ok: 400 },
  "POST /api/ingest/v1/records": { body: {}, ok: 400 },
  // Of a mount that no AutoDJ has; on the edge's port of any.
  "GET /admin/autodj/now": { path: `/admin/autodj/now?mount=${asked}`, ok: 404 },
  "GET /admin/autodj/next": { path: `/admin/autodj/next?mount=${asked}`, ok: 404 },
  "ALL /admin/autodj/*": { method: "GET", path: `/admin/autodj/queue?mount=${asked}`, ok: 404 },
  "GET /admin/console-mount.json": { path: `/admin/console-mount.json?mount=${asked}` },
  "ALL /api/v1/*": { method: "DELETE", path: "/api/v1/nothing", ok: 404 },
  "POST /api/v1/mounts/:mount/accounts": { body: { name: "x", password: "y" }, ok: 409 },
  "DELETE /api/v1/mounts/:mount/accounts/:name": { ok: 409 },
  "DELETE /api/v1/mounts/:mount/listeners/:listener": { ok: 404 },
  "POST /api/v1/mounts/:mount/move-listeners": { body: { to: other }, ok: 204 },
  "POST /api/v1/mounts/:mount/title": { body: { title: "Song" }, ok: 202 },
  "POST /api/v1/mounts/:mount/fallback": { body: { fallback: null }, ok: 204 },
  "DELETE /api/v1/mounts/:mount/source": { path: "/api/v1/mounts/%2Fvictim.mp3/source", ok: 404 },
  "POST /api/v1/mounts/:mount/broadcasts/:broadcast/delete": { body: { confirm: "x" }, ok: 404 },
  "POST /api/v1/mounts/:mount/merge-archive": { body: {}, ok: 204 },
  "POST /api/v1/listen-urls": { body: { mount: live }, ok: 409 },
  "GET /archive": { ok: 308 },
  "GET /archive/*": { path: `/archive${members}?from=yesterday`, ok: 400 },
  "GET /history/*": { path: `/history${members}.json` },
  "GET /*": { path: members },
  "HEAD /*": { path: members },
  "ALL /*": { method: "DELETE", path: "/", ok: 400 },
};

/** A command's own needs, and what it comes to. */
const commandDetails: Readonly<Record<string, { readonly query?: string; readonly ok?: number }>> = {
  "": {},
  stats: { query: `?mount=${asked}` },
  "stats.xml": { query: `?mount=${asked}` },
  // Of no mount: Icecast knows no such request.
  listmounts: {},
  streamlist: {},
  "streamlist.txt": {},
  listclients: { query: `?mount=${asked}` },
  metadata: { query: `?mount=${asked}&mode=updinfo&song=Song` },
  updatemetadata: { query: `?mount=${asked}` },
  killclient: { query: `?mount=${asked}&id=1` },
  killsource: { query: "?mount=%2Fvictim.mp3", ok: 400 },
  moveclients: { query: `?mount=${asked}&destination=${encodeURIComponent(other)}` },
  fallbacks: { query: `?mount=${asked}&fallback=` },
  manageauth: { query: `?mount=${asked}`, ok: 400 },
  buildm3u: { query: `?mount=${asked}&username=u&password=p` },
};

function samples(): Sample[] {
  const commands = Object.entries(adminCommandAccess).flatMap(([name, access]): Sample[] => {
    const { query = "", ok = 200 } = commandDetails[name] ?? {};
    const names = name.includes(".") || ["", "buildm3u"].includes(name) ? [name] : [name, `${name}.xsl`];
    return names.map((each) => ({
      row: `/admin/${each}`,
      // Where the request names no mount, or one without a source, there is no source that could ask.
      access: access.kind === "users" && !query.includes(asked) ? { ...access, source: false } : access,
      method: "GET",
      path: `/admin/${each}${query}`,
      ok,
    }));
  });
  const modes = Object.entries(adminCgiAccess).map(
    ([mode, access]): Sample => ({
      row: `/admin.cgi ${mode}`,
      access,
      method: "GET",
      path: `/admin.cgi?mode=${mode}&mount=${asked}&song=Song`,
      ok: 200,
      // Icecast misses a parameter here, no login.
      instead: { nobody: 400 },
    }),
  );
  const routes = Object.entries(routeAccess).flatMap(([row, access]): Sample[] => {
    if (access.kind === "command" || access.kind === "mode") return [];
    const [method = "", path = ""] = row.split(" ");
    const named = path
      .replace(":mount", asked)
      .replace(":name", "x")
      .replace(":listener", "1")
      .replace(":broadcast", "x");
    return [{ row, access, method, path: named, ok: 200, ...details[row] }];
  });
  return [...routes, ...commands, ...modes];
}

/**
 * Titles are set where the source is. Its host knows a source or an operator; all others are nobody to it, and what is no Basic is
 * no login.
 */
const atIngest: Readonly<Record<string, Partial<Record<Who, number>>>> = {
  "/admin/metadata": { viewer: 401 },
  "/admin/metadata.xsl": { viewer: 401 },
  "/admin.cgi updinfo": { viewer: 401, "ingest host": 400 },
};

/** What somebody gets from whoever guards a row. */
function expected({ access, ok, instead }: Sample, who: Who): number {
  if (instead?.[who] !== undefined) return instead[who];
  switch (access.kind) {
    case "anybody":
      return ok;
    case "ingest":
      return who === "ingest host" ? ok : 401;
    case "listener":
      return who === "listener" ? ok : 401;
    case "users": {
      const role = who === "viewer" || who === "operator" || who === "admin" || who === "relay" ? who : null;
      if (role === null) return access.source === true && who === "source of this mount" ? ok : 401;
      if (role === "admin" || access.may.includes(role)) return ok;
      if (role === "relay") return 401;
      return role === "operator" && access.may.includes("viewer") ? ok : 403;
    }
    case "command":
    case "mode":
      throw new Error("it has rows of its own");
  }
}

const folder = mkdtempSync(join(tmpdir(), "skywave-access-"));
const station = `[sources]
password = "station-pw"
[admin]
user = "ada"
password = "ada-pw"
[[user]]
name = "olga"
role = "operator"
password = "olga-pw"
[[user]]
name = "vera"
role = "viewer"
password = "vera-pw"
[[user]]
name = "relay"
role = "relay"
password = "relay-pw"
[mounts."${live}"]
password = "live-pw"
[mounts."${other}"]
password = "other-pw"
[mounts."${members}"]
listener_auth = { type = "htpasswd", file = ${JSON.stringify(join(folder, "members"))} }
`;

describe("every route", () => {
  let stack: Stack;
  const sources: { readonly stop: () => void }[] = [];

  beforeAll(async () => {
    // As Icecast's own admin writes it: user and MD5.
    writeFileSync(join(folder, "members"), `anna:${createHash("md5").update("anna-pw").digest("hex")}\n`);
    stack = await startStation(station);
    sources.push(await loopSource(stack, live, "live-pw"), await loopSource(stack, other, "other-pw"));
    sources.push(await loopSource(stack, members, "station-pw"));
    await waitFor("the mounts to be listed", async () => {
      const reply = await ask(stack.edgePort, { method: "GET", path: "/admin/streamlist.txt" }, "admin");
      return [live, other, members].every((mount) => reply.body.includes(mount));
    });
  });
  afterAll(async () => {
    for (const { stop } of sources) stop();
    await stack.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(samples())("$row is for whom its row says, on the edge port", async (sample) => {
    expect(await statuses(stack.edgePort, sample)).toEqual(table((who) => expected(sample, who)));
  });

  it.each(samples())("$row is for whom its row says, on the ingest port", async (sample) => {
    expect(await statuses(stack.ingestPort, sample)).toEqual(
      table((who) => {
        // Ingest hosts ask the edge itself.
        if (sample.access.kind === "ingest") return 404;
        return atIngest[sample.row]?.[who] ?? expected(sample, who);
      }),
    );
  });

  const table = (of: (who: Who) => number) => Object.fromEntries(everybody.map((who) => [who, of(who)]));

  async function statuses(port: number, sample: Sample): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const who of everybody) found[who] = (await ask(port, sample, who)).status;
    return found;
  }

  /** Each from an address of its own, where addresses are known: what one tries slows nobody else. */
  function ask(
    port: number,
    { method, path, body }: Pick<Sample, "method" | "path" | "body">,
    who: Who,
  ): Promise<{ status: number; body: string }> {
    const authorization = authorizationOf(who);
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: false,
        localAddress: `127.0.0.${10 + everybody.indexOf(who)}`,
        headers: {
          ...(authorization !== null && { Authorization: authorization }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
      });
      request.once("error", reject);
      request.once("response", (response) => {
        const status = response.statusCode ?? 0;
        let text = "";
        const done = () => {
          resolve({ status, body: text });
          request.destroy();
        };
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          // A stream never ends.
          if (text.length > 4_096) done();
        });
        response.once("end", done);
        response.once("error", done);
        setTimeout(done, 300).unref();
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  function authorizationOf(who: Who): string | null {
    if (who === "ingest host") return `Bearer ${stack.ingestToken}`;
    const login = logins[who];
    return login === null ? null : `Basic ${Buffer.from(login).toString("base64")}`;
  }
});
