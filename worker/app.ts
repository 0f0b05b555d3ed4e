import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { ingestApiPrefix } from "../shared/edge-api.ts";
import { formatWarnings } from "../shared/format-warnings.ts";
import { currentTitle } from "../shared/mount-state.ts";
import { encodeMountPath, MountPathError, parseMountPath } from "../shared/mount-path.ts";
import type { MountPath } from "../shared/units.ts";
import { directoryListing, isKnownMount, stationOf } from "./directory.ts";
import type { Env } from "./env.ts";
import { badRequest, fileNotFound, unavailable } from "./icecast-errors.ts";
import { ingestApi } from "./ingest-api.ts";
import { isSecret } from "./is-secret.ts";
import { listen } from "./listen.ts";
import { feedOf, type Host, isolateCounts } from "./mount-feed.ts";
import { noteRegion } from "./mount-relay.ts";
import { page } from "./page-routes.ts";
import { m3u, type Playlist, type PlaylistEntry, pls, vclt, xspf } from "./playlists.ts";
import { replyHeaders } from "./reply-headers.ts";
import { listenersHere } from "./seat-desk.ts";
import { statusJson } from "./status-json.ts";

type App = { Bindings: Env };

export const app = new Hono<App>();

// A browser may read ICY from anywhere: that is what a public stream is for.
app.use(
  cors({
    origin: "*",
    allowMethods: ["GET", "HEAD", "OPTIONS"],
    allowHeaders: ["Icy-MetaData", "Range", "Authorization", "Content-Type"],
    exposeHeaders: [
      "Icy-MetaInt",
      "Icy-Br",
      "Icy-Description",
      "Icy-Genre",
      "Icy-Name",
      "Icy-Pub",
      "Icy-Url",
      "Ice-Audio-Info",
    ],
    maxAge: 86_400,
  }),
);

app.route(ingestApiPrefix, ingestApi);
app.route("/", page);

app.get("/health", async (context) => {
  const { mounts } = await directoryListing(hostOf(context));
  return json({ ok: true, mounts: mounts.length, ...isolateCounts() });
});

app.get("/api/v1/station", async (context) => {
  const { name, description, ingestHost, shoutcastPort } = await stationOf(hostOf(context));
  return json({ name, description, ingestHost, shoutcastPort });
});

app.get("/api/v1/warnings", async (context) => {
  const host = hostOf(context);
  const [{ mounts }, station] = await Promise.all([directoryListing(host), stationOf(host)]);
  return json({ warnings: formatWarnings(mounts, station.mounts) });
});

app.get("/status-json.xsl", async (context) => {
  const { startedMs, mounts } = await directoryListing(hostOf(context));
  const only = context.req.query("mount");
  const body = statusJson({
    station: await stationOf(hostOf(context)),
    serverStartMs: startedMs,
    mounts: only === undefined ? mounts : mounts.filter(({ mount }) => mount === only),
    host: await publicOrigin(context),
  });
  return reply(body, "application/json; charset=UTF-8");
});

app.on(["GET", "HEAD"], "/*", async (context) => {
  const { pathname } = new URL(context.req.url);
  const playlist = /^(\/.+)\.(m3u|pls|xspf|vclt)$/.exec(pathname);
  try {
    if (playlist?.[1]) return await playlistOf(context, parseMountPath(playlist[1]), playlist[2] ?? "");
    const host = hostOf(context);
    noteRegion(context.req.raw);
    return await listen(context.req.raw, parseMountPath(pathname), await stationOf(host), host);
  } catch (error) {
    if (error instanceof MountPathError) return fileNotFound();
    throw error;
  }
});

app.all("/*", () => badRequest("unknown request"));

app.onError((error) => {
  console.error("request failed", error.stack ?? String(error));
  return new Response("Internal Server Error\n", { status: 500, headers: { "Cache-Control": "no-store" } });
});

async function playlistOf(context: Context<App>, mount: MountPath, kind: string): Promise<Response> {
  const url = `${await publicOrigin(context)}${encodeMountPath(mount)}`;
  const host = hostOf(context);
  if (kind === "m3u") return playlistReply(m3u(url));
  if (kind === "pls") return playlistReply(pls(url, (await stationOf(host)).name));
  const { mounts } = await directoryListing(host);
  const entry = mounts.find((candidate) => candidate.mount === mount) ?? (await ownWord(mount, host));
  if (entry === "unknown") return unavailable();
  if (!entry) return fileNotFound();
  return playlistReply(kind === "xspf" ? xspf(url, entry) : vclt(url, entry));
}

/**
 * Of a mount that the directory does not list: it may have been started anew a moment ago, or the mount waits for its
 * source and has listeners. Those of this isolate are told of then.
 */
async function ownWord(mount: MountPath, host: Host): Promise<PlaylistEntry | "unknown" | null> {
  if (!(await isKnownMount(mount, host))) return null;
  const feed = feedOf(mount);
  await feed.refresh(host);
  if (feed.phase === "off" || !feed.source) return feed.isCertain ? null : "unknown";
  const title = currentTitle(feed);
  const listeners = listenersHere(mount);
  return { source: feed.source, listeners, listenerPeak: listeners, ...(title && { title: title.text }) };
}

const playlistReply = ({ contentType, body }: Playlist): Response => reply(body, contentType);

const reply = (body: string, contentType: string): Response =>
  new Response(body, { headers: replyHeaders(contentType) });

const json = (value: unknown): Response => reply(JSON.stringify(value), "application/json; charset=UTF-8");

const hostOf = (context: Context<App>): Host => ({
  env: context.env,
  keepAlive: (work) => context.executionCtx.waitUntil(work),
  hostname: new URL(context.req.url).hostname,
});

/**
 * Scheme and host as the listener typed them. A request that came through an ingest host names what it was asked
 * for there; nobody else is believed.
 */
async function publicOrigin(context: Context<App>): Promise<string> {
  const { origin } = new URL(context.req.url);
  const { headers } = context.req.raw;
  const token = headers.get("X-Skywave-Ingest");
  const host = headers.get("X-Forwarded-Host");
  const secret = context.env.INGEST_TOKEN;
  if (token === null || host === null || !secret || !(await isSecret(token, secret))) return origin;
  const scheme = headers.get("X-Forwarded-Proto") === "https" ? "https" : "http";
  return /^[A-Za-z0-9._:[\]-]{1,255}$/.test(host) ? `${scheme}://${host}` : origin;
}
