import { type Context, Hono } from "hono";
import type { EdgeStation } from "../../shared/edge-station.ts";
import { mountOrNull } from "../../shared/mount-path.ts";
import { parseRfc3339 } from "../../shared/rfc3339.ts";
import type { MountPath } from "../../shared/units.ts";
import { isForAnybody } from "../access/listener-users.ts";
import { directoryListing, isKnownMount, secretsOf, stationOf } from "../directory.ts";
import { fileNotFound, forbidden, unavailable } from "../icecast-errors.ts";
import { logIn } from "../listener-auth/log-in.ts";
import type { Host } from "../mount-feed.ts";
import archiveCss from "../page/archive.css";
import { pageHeaders } from "../page-headers.ts";
import { replyHeaders } from "../reply-headers.ts";
import { type App, hostOf, publicOrigin } from "../request-host.ts";
import { rulesOf } from "../station.ts";
import { type ArchiveAddress, parseArchivePath } from "./addresses.ts";
import { archive } from "./archive-reader.ts";
import { dayOf } from "./civil-day.ts";
import { cut } from "./cuts.ts";
import { listedBroadcasts, shownBroadcasts } from "./file-limits.ts";
import {
  broadcastJson,
  type ListFilter,
  listBroadcasts,
  listedMounts,
  parseCursor,
  timeZoneOf,
} from "./list.ts";
import { archivePage } from "./page.ts";
import { type Asked, feed, recording } from "./recordings.ts";
import { refusal } from "./replies.ts";

/** What was broadcast: lists for everybody, files for whoever may listen to the mount. */
export const archiveRoutes = new Hono<App>();

archiveRoutes.get("/archive", (context) =>
  context.redirect(`/archive/${new URL(context.req.url).search}`, 308),
);

archiveRoutes.get(
  "/archive.css",
  () =>
    new Response(archiveCss, {
      headers: {
        "Content-Type": "text/css; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
      },
    }),
);

archiveRoutes.get("/archive.json", async (context) => {
  const query = new URL(context.req.url).searchParams;
  const filter = filterOf(query);
  if (typeof filter === "string") return refusal(400, filter);
  const host = hostOf(context);
  const { station, mounts } = await shelf(host);
  const name = query.get("mount");
  const some = name === null ? mounts : mounts.filter((mount) => mount === name);
  return orUnavailable(async () => {
    const { broadcasts, cursor } = await listBroadcasts(some, filter, { reader: archive, host });
    const origin = await publicOrigin(context);
    const body = { broadcasts: broadcasts.map((each) => broadcastJson(each, station, origin)), cursor };
    return new Response(JSON.stringify(body), { headers: replyHeaders("application/json; charset=UTF-8") });
  });
});

archiveRoutes.get("/archive/", async (context) => {
  const query = new URL(context.req.url).searchParams;
  const [mount, day, cursor] = ["mount", "day", "cursor"].map((name) => query.get(name) ?? "");
  const host = hostOf(context);
  const { station, mounts } = await shelf(host);
  const some = mount ? mounts.filter((each) => each === mount) : mounts;
  const after = cursor ? parseCursor(cursor) : null;
  // Of one stream its own day, of several the station's.
  const zone = mount && some[0] ? timeZoneOf(some[0], station) : station.timeZone;
  const span = day ? dayOf(day, zone) : null;
  if ((cursor && !after) || (day && !span)) return refusal(400, "the address is cut off or mistyped");
  const filter = { fromMs: span?.fromMs ?? null, toMs: span?.toMs ?? null, limit: shownBroadcasts, after };
  return orUnavailable(async () => {
    const page = await listBroadcasts(some, filter, { reader: archive, host });
    const body = await archivePage({ station, mounts, mount: mount ?? "", day: day ?? "", ...page });
    return new Response(body, { headers: archivePageHeaders });
  });
});

archiveRoutes.get("/archive/*", async (context) => {
  const { pathname, searchParams } = new URL(context.req.url);
  const address = parseArchivePath(pathname, searchParams);
  if (!address) return fileNotFound();
  return ofMount(address, context);
});

/** Under the rules of the mount: who may listen may have what it broadcast. */
async function ofMount(address: ArchiveAddress, context: Context<App>): Promise<Response> {
  const { mount } = address;
  const request = context.req.raw;
  const host = hostOf(context);
  const station = await stationOf(host);
  if (rulesOf(station, mount)?.noMount === true) return forbidden("mountpoint unavailable");
  const login = await logIn(request, mount, station, host);
  if (login instanceof Response) return login;
  const done = (): void => login.end(host);
  // Whoever asked may go at any moment, and what this request waits for then never comes.
  request.signal.addEventListener("abort", done);
  if (request.signal.aborted) done();
  try {
    if (!(await isKnownMount(mount, host))) {
      done();
      return fileNotFound();
    }
    const isPublic = isForAnybody(await secretsOf(host), mount);
    const origin = await publicOrigin(context);
    return await reply(address, { request, station, reader: archive, host, origin, isPublic, done });
  } catch (error) {
    done();
    console.warn("the archive cannot be read", String(error));
    return unavailable();
  }
}

function reply(address: ArchiveAddress, asked: Asked): Promise<Response> {
  if (address.kind === "cut") return cut(address.mount, asked);
  if (address.kind === "feed") return feed(address.mount, asked);
  return recording(address, asked);
}

/** The station with those of its mounts that the lists are of. */
async function shelf(
  host: Host,
): Promise<{ readonly station: EdgeStation; readonly mounts: readonly MountPath[] }> {
  const [station, { known, mounts }] = await Promise.all([stationOf(host), directoryListing(host)]);
  return { station, mounts: listedMounts([...known, ...mounts.map(({ mount }) => mount)], station) };
}

/** Or what is wrong with the query. */
function filterOf(query: URLSearchParams): ListFilter | string {
  const moment = (name: string): number | null | undefined => {
    const text = query.get(name);
    return text === null ? undefined : parseRfc3339(text);
  };
  const [fromMs, toMs] = [moment("from"), moment("to")];
  if (fromMs === null || toMs === null) return "from and to must be moments such as 2026-11-21T10:00:00Z";
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) return "from must be before to";
  const limit = query.get("limit") ?? String(listedBroadcasts);
  if (!/^(?:[1-9]\d?|100)$/.test(limit)) return "limit must be a number from 1 to 100";
  const mount = query.get("mount");
  if (mount !== null && !mountOrNull(mount)) return "mount must be the name of a mount, such as /live.mp3";
  const cursor = query.get("cursor");
  const after = cursor === null ? null : parseCursor(cursor);
  if (cursor !== null && !after) return "cursor must be that of the page before";
  return { fromMs: fromMs ?? null, toMs: toMs ?? null, limit: Number(limit), after };
}

async function orUnavailable(make: () => Promise<Response>): Promise<Response> {
  try {
    return await make();
  } catch (error) {
    console.warn("the archive cannot be read", String(error));
    return unavailable();
  }
}

const archivePageHeaders = pageHeaders("text/html", {
  style: "'self'",
  media: "'self'",
  img: "'self' data:",
  form: "'self'",
});
