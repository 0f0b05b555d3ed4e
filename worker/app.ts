import { Hono } from "hono";
import { cors } from "hono/cors";
import { ingestApiPrefix } from "../shared/edge-api.ts";
import { aliased, aliasOf } from "./aliases.ts";
import { knownStation, stationOf } from "./directory.ts";
import { badRequest } from "./icecast-errors.ts";
import type { Host } from "./mount-feed.ts";
import { settingsWaitMs } from "./limits.ts";
import { contentPolicy } from "./page-headers.ts";
import { type App, hostOf, ingestPort } from "./request-host.ts";
import { settledWithin } from "./settled-within.ts";
import { site } from "./site.ts";
import { addHeaders, stationHeaders } from "./station-headers.ts";

/** What stands before every route of the site: the station's headers, CORS, aliases. */
export const app = new Hono<App>();

// A sign of life for who looks every two seconds: nothing is asked, and nothing is told.
app.get("/health", (context, next) =>
  context.req.query("alive") === undefined ? next() : Promise.resolve(context.body(null, 204)),
);

// Before everything else: a Host that is none makes an address that is none, and every route would throw on it.
app.use((context, next) =>
  URL.canParse(context.req.url) ? next() : Promise.resolve(badRequest("malformed request")),
);

// What is HTML and says nothing of its own is an answer for tools: nothing in it is to run or load, whatever a title says.
app.use(async (context, next) => {
  await next();
  const { headers } = context.res;
  if (!headers.get("Content-Type")?.startsWith("text/html") || headers.has(policyHeader)) return;
  headers.set(policyHeader, contentPolicy());
});

// Outermost but for these, so that they are on errors and preflights too.
app.use(async (context, next) => {
  await next();
  const { pathname } = new URL(context.req.url);
  if (pathname.startsWith(ingestApiPrefix)) return;
  const station = knownStation(context.env);
  addHeaders(context.res.headers, stationHeaders(station, pathname, context.res.status));
});

// A browser may read ICY from anywhere: that is what a public stream is for.
app.use(
  cors({
    origin: "*",
    allowMethods: ["GET", "HEAD", "OPTIONS"],
    allowHeaders: [
      "Icy-MetaData",
      "Range",
      "If-Range",
      "If-None-Match",
      "If-Modified-Since",
      "Authorization",
      "Content-Type",
    ],
    exposeHeaders: [
      "Icy-MetaInt",
      "Icy-Br",
      "Icy-Description",
      "Icy-Genre",
      "Icy-Name",
      "Icy-Pub",
      "Icy-Url",
      "Ice-Audio-Info",
      "Accept-Ranges",
      "Content-Disposition",
      "Content-Range",
      "ETag",
    ],
    maxAge: 86_400,
  }),
);

app.all("/*", async (context) => {
  const { raw, method } = context.req;
  const url = new URL(raw.url);
  if ((method !== "GET" && method !== "HEAD") || url.pathname.startsWith(ingestApiPrefix)) {
    return site.fetch(raw, context.env, context.executionCtx);
  }
  const { aliases } = await settings(hostOf(context));
  const to = aliases.length === 0 ? null : aliasOf(url, await ingestPort(raw.headers, context.env), aliases);
  return site.fetch(to ? aliased(raw, to) : raw, context.env, context.executionCtx);
});

const policyHeader = "Content-Security-Policy";

/** A page needs no directory: it does not wait long for one that hangs. */
const settings = async (host: Host): ReturnType<typeof stationOf> =>
  (await settledWithin(stationOf(host), settingsWaitMs)) ?? knownStation(host.env);
