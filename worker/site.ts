import { Hono } from "hono";
import { ingestApiPrefix } from "../shared/edge-api.ts";
import { noSecrets } from "../shared/edge-secrets.ts";
import { MountPathError, parseMountPath } from "../shared/mount-path.ts";
import { api, apiPrefix } from "./api/api-on-demand.ts";
import { admin } from "./admin/admin-routes.ts";
import { rootPages } from "./admin/root-routes.ts";
import { directoryListing, secretsOf, stationOf } from "./directory.ts";
import { archiveRoutes } from "./archive/routes.ts";
import { badRequest, fileNotFound } from "./icecast-errors.ts";
import { parseHlsPath } from "./hls/hls-path.ts";
import { historyRoutes } from "./history/routes.ts";
import { hlsReply } from "./hls/hls-reply.ts";
import { ingestApi } from "./ingest-api.ts";
import { listen } from "./listen.ts";
import { metrics } from "./metrics.ts";
import { isolateCounts } from "./mount-feed.ts";
import { noteRegion } from "./mount-relay.ts";
import { page } from "./page-routes.ts";
import { playlistReply } from "./playlist-reply.ts";
import { replyHeaders } from "./reply-headers.ts";
import { type App, hostOf, publicOrigin } from "./request-host.ts";
import { authenticatorOf } from "./statistics.ts";
import { statusJson } from "./status-json.ts";
import { shownMounts } from "./stream-info.ts";

/** Everything that has an address here; the mounts come last. */
export const site = new Hono<App>();

site.route(ingestApiPrefix, ingestApi);
site.route("/admin", admin);
site.route("/", page);
site.route("/", rootPages);
site.route("/", archiveRoutes);
site.route("/", historyRoutes);

site.get("/health", async (context) => {
  const { mounts } = await directoryListing(hostOf(context));
  return json({ ok: true, mounts: mounts.length, ...isolateCounts() });
});

site.all(`${apiPrefix}/*`, ({ req, env, executionCtx }) => api(req.raw, env, executionCtx));
site.get("/metrics", (context) => metrics(context.req.raw, hostOf(context)));

site.get("/status-json.xsl", async (context) => {
  const host = hostOf(context);
  const { startedMs, mounts } = await directoryListing(host);
  const [station, secrets] = await Promise.all([stationOf(host), secretsOf(host).catch(() => noSecrets)]);
  const shown = shownMounts(mounts, station);
  const only = context.req.query("mount");
  const body = statusJson({
    station,
    serverStartMs: startedMs,
    mounts: only === undefined ? shown : shown.filter(({ mount }) => mount === only),
    authenticatorOf: (mount) => authenticatorOf(secrets, mount),
    host: await publicOrigin(context),
  });
  return reply(body, "application/json; charset=UTF-8");
});

site.on(["GET", "HEAD"], "/*", async (context) => {
  const { pathname } = new URL(context.req.url);
  const playlist = /^(\/.+)\.(m3u|pls|xspf|vclt)$/.exec(pathname);
  try {
    if (playlist?.[1]) {
      return await playlistReply(context, parseMountPath(playlist[1]), playlist[2] ?? "");
    }
    const host = hostOf(context);
    const hls = parseHlsPath(pathname);
    if (hls) return await hlsReply(context.req.raw, hls, await stationOf(host), host);
    noteRegion(context.req.raw);
    return await listen(context.req.raw, parseMountPath(pathname), await stationOf(host), host);
  } catch (error) {
    if (error instanceof MountPathError) return fileNotFound();
    throw error;
  }
});

site.all("/*", () => badRequest("unknown request"));

site.onError((error) => {
  console.error("request failed", error.stack ?? String(error));
  return new Response("Internal Server Error\n", { status: 500, headers: { "Cache-Control": "no-store" } });
});

const reply = (body: string, contentType: string): Response =>
  new Response(body, { headers: replyHeaders(contentType) });

const json = (value: unknown): Response => reply(JSON.stringify(value), "application/json; charset=UTF-8");
