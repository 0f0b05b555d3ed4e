import { mountOrNull } from "../../shared/mount-path.ts";
import { Hono, type Context, type Next } from "hono";
import { directoryListing, isKnownMount, secretsOf, stationOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { type App, hostOf, publicOrigin } from "../request-host.ts";
import { rulesOf } from "../station.ts";
import { audienceOf, authenticatorOf, icecastStatistics } from "../statistics.ts";
import { shownStatus } from "../stream-info.ts";
import { liveStation } from "./live-station.ts";
import { listenerLogin, serverVersion, status2 } from "./public-pages.ts";
import { answerAdminCgi, streamOf } from "./shoutcast-admin.ts";
import {
  sevenHtml,
  type ShoutcastStream,
  shoutcastReply,
  statisticsJson,
  statisticsXml,
  statsJson,
  statsXml,
} from "./shoutcast-stats.ts";

/** What Icecast and SHOUTcast serve at the root for people and tools, beside `/status-json.xsl` and the status page. */
export const rootPages = new Hono<App>();

rootPages.get("/status2.xsl", async (context) => {
  const host = hostOf(context);
  return status2(await shownStreams(host), await icecastStatistics(host));
});
rootPages.get("/server_version.xsl", async (context) => {
  const host = hostOf(context);
  const origin = await publicOrigin(context);
  return serverVersion((await stationOf(host)).name, await icecastStatistics(host, origin));
});
rootPages.get("/auth.xsl", async (context) => {
  const host = hostOf(context);
  const secrets = await secretsOf(host);
  const mounts = (await shownStreams(host)).map(({ status }) => status.mount);
  return listenerLogin(
    (await stationOf(host)).name,
    mounts.filter((mount) => authenticatorOf(secrets, mount) !== undefined),
  );
});

rootPages.get(
  "/7.html",
  unlessMount(async (context) => shoutcastReply(sevenHtml(await asked(context)), "html")),
);
rootPages.get(
  "/stats",
  unlessMount(async (context) =>
    isJson(context)
      ? shoutcastReply(statsJson(await asked(context)), "json")
      : shoutcastReply(statsXml(await asked(context)), "xml"),
  ),
);
rootPages.get(
  "/statistics",
  unlessMount(async (context) => {
    const shown = await shownStreams(hostOf(context));
    return isJson(context)
      ? shoutcastReply(statisticsJson(shown), "json")
      : shoutcastReply(statisticsXml(shown), "xml");
  }),
);
rootPages.get(
  "/currentsong",
  unlessMount(async (context) => shoutcastReply((await asked(context))?.status.title ?? "", "text")),
);

rootPages.all("/admin.cgi", async (context) => {
  const host = hostOf(context);
  const { users } = await secretsOf(host);
  return answerAdminCgi(
    context.req.raw,
    liveStation(host, () => publicOrigin(context)),
    {
      streams: await streams(host, true),
      adminName: users.find(({ role }) => role === "admin")?.name ?? "admin",
    },
  );
});

/** These names are no one's: where a source has taken one as its mount it is heard there. */
function unlessMount(answer: (context: Context<App>) => Promise<Response>) {
  return async (context: Context<App>, next: Next): Promise<Response | void> =>
    (await isMount(context)) ? next() : answer(context);
}

async function isMount(context: Context<App>): Promise<boolean> {
  const mount = mountOrNull(new URL(context.req.url).pathname);
  return mount !== null && (await isKnownMount(mount, hostOf(context)));
}

const asked = async (context: Context<App>): Promise<ShoutcastStream | undefined> =>
  streamOf((name) => context.req.query(name), await shownStreams(hostOf(context)));

const isJson = (context: Context<App>): boolean => context.req.query("json") === "1";

const shownStreams = (host: Host): Promise<ShoutcastStream[]> => streams(host, false);

async function streams(host: Host, withHidden: boolean): Promise<ShoutcastStream[]> {
  const [{ mounts }, station] = await Promise.all([directoryListing(host), stationOf(host)]);
  const now = Date.now();
  return Promise.all(
    mounts
      .filter(({ mount }) => withHidden || rulesOf(station, mount)?.hidden !== true)
      .map(async (status, index) => ({
        id: index + 1,
        status,
        source: shownStatus(status, station).source,
        audience: await audienceOf(status.mount, host).catch(() => undefined),
        maxListeners: rulesOf(station, status.mount)?.maxListeners ?? station.maxListeners,
        now,
      })),
  );
}
