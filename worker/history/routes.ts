import { type Context, Hono, type Next } from "hono";
import { encodeMountPath, mountOrNull } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";
import { admit } from "../access/admit.ts";
import { archive } from "../archive/archive-reader.ts";
import { refusal } from "../archive/replies.ts";
import { isKnownMount, stationOf } from "../directory.ts";
import { fileNotFound, unavailable } from "../icecast-errors.ts";
import { replyHeaders } from "../reply-headers.ts";
import { type App, hostOf, publicOrigin } from "../request-host.ts";
import { rulesOf } from "../station.ts";
import { historyCsv } from "./history-csv.ts";
import { playJson } from "./history-json.ts";
import { encodeCursor, type HistoryQuery, parseHistoryQuery } from "./history-query.ts";
import { playsPerPage, playsPerSheet, playsUsual } from "./limits.ts";

/**
 * What was played: `/history/<mount>.json` and `.csv`. Titles are for everybody who may know of the mount, as on the status page;
 * `counts=true` adds the listeners and is for the station's users.
 */
export const historyRoutes = new Hono<App>();

historyRoutes.get("/history/*", async (context, next) => {
  const { pathname, searchParams } = new URL(context.req.url);
  const address = parseHistoryPath(pathname);
  if (!address) return next();
  const query = parseHistoryQuery(searchParams, limits[address.format]);
  if (typeof query === "string") return refusal(400, query);
  return reply(address, query, context, next);
});

interface HistoryAddress {
  readonly mount: MountPath;
  readonly format: "json" | "csv";
}

const limits = {
  json: { usual: playsUsual, most: playsPerPage },
  csv: { usual: playsPerSheet, most: playsPerSheet },
};

async function reply(
  { mount, format }: HistoryAddress,
  query: HistoryQuery,
  context: Context<App>,
  next: Next,
): Promise<Response | void> {
  const host = hostOf(context);
  const visitor = query.counts ? await admit(context.req.raw, ["viewer"], host) : null;
  if (visitor instanceof Response) return visitor;
  const rules = rulesOf(await stationOf(host), mount);
  const isClosed = rules?.hidden === true || rules?.noMount === true;
  if (isClosed && !visitor) return fileNotFound();
  // It may be a mount's own path.
  if (!(await isKnownMount(mount, host))) return next();
  try {
    const page = await archive.history(mount, query, host);
    const now = Date.now();
    const cursor = page.cursor && encodeCursor(page.cursor);
    const headers = new Headers(replyHeaders(contentTypes[format]));
    // Of a moment, and with a login somebody's own.
    headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    if (cursor !== null) headers.set("Link", `<${await nextPage(context, cursor)}>; rel="next"`);
    if (format === "csv") {
      headers.set("Content-Disposition", `attachment; filename*=UTF-8''${fileName(mount)}`);
      return new Response(historyCsv(page.plays, query.counts, now), { headers });
    }
    const plays = page.plays.map((play) => playJson(play, query.counts, now));
    return new Response(JSON.stringify({ mount, plays, cursor }), { headers });
  } catch (error) {
    console.warn("the history cannot be read", mount, String(error));
    return unavailable();
  }
}

function parseHistoryPath(pathname: string): HistoryAddress | null {
  const [, path, format] = /^\/history(\/.+)\.(json|csv)$/.exec(pathname) ?? [];
  if (path === undefined) return null;
  try {
    const mount = mountOrNull(decodeURIComponent(path));
    return mount && { mount, format: format === "csv" ? "csv" : "json" };
  } catch {
    return null;
  }
}

async function nextPage(context: Context<App>, cursor: string): Promise<string> {
  const { pathname, searchParams } = new URL(context.req.url);
  searchParams.set("cursor", cursor);
  return `${await publicOrigin(context)}${pathname}?${searchParams.toString()}`;
}

const fileName = (mount: MountPath): string =>
  encodeURIComponent(`${decodeURIComponent(encodeMountPath(mount)).slice(1).replaceAll("/", "-")}.csv`);

const contentTypes = {
  json: "application/json; charset=UTF-8",
  csv: "text/csv; charset=utf-8; header=present",
};
