import { createRoute, z } from "@hono/zod-openapi";
import { formatWarnings } from "../../shared/format-warnings.ts";
import { parseEventId } from "../../shared/station-events.ts";
import { clientAddress } from "../client-address.ts";
import { directoryListing, stationOf } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { shownMounts } from "../stream-info.ts";
import { type Api, type ApiContext, apiHost, visitorOf } from "./context.ts";
import type { Desk } from "./desk.ts";
import { hasRoomForEvents, openEventStream } from "./event-stream.ts";
import { isHidden, mountJson } from "./mount-json.ts";
import { Problem, problems } from "./problem.ts";
import {
  hiddenQuery,
  mountParams,
  mountSchema,
  mountsSchema,
  nowPlayingSchema,
  stationSchema,
  warningsSchema,
} from "./schemas.ts";

const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});

const stationRoute = createRoute({
  method: "get",
  path: "/station",
  tags: ["Public"],
  summary: "The station",
  responses: { 200: json("The station", stationSchema), ...problems() },
});
const mountsRoute = createRoute({
  method: "get",
  path: "/mounts",
  tags: ["Public"],
  summary: "The mounts on air",
  request: { query: hiddenQuery },
  responses: { 200: json("By name", mountsSchema), ...problems(400, 401, 403, 429) },
});
const mountRoute = createRoute({
  method: "get",
  path: "/mounts/{mount}",
  tags: ["Public"],
  summary: "A mount on air",
  request: { params: mountParams, query: hiddenQuery },
  responses: { 200: json("The mount", mountSchema), ...problems(400, 401, 403, 404, 429) },
});
const nowPlayingRoute = createRoute({
  method: "get",
  path: "/mounts/{mount}/now-playing",
  tags: ["Public"],
  summary: "What a mount plays",
  request: { params: mountParams, query: hiddenQuery },
  responses: { 200: json("Its title", nowPlayingSchema), ...problems(400, 401, 403, 404, 429) },
});
const warningsRoute = createRoute({
  method: "get",
  path: "/warnings",
  tags: ["Public"],
  summary: "What the operator should know",
  request: { query: hiddenQuery },
  responses: { 200: json("Warnings", warningsSchema), ...problems(400, 401, 403, 429) },
});
const eventsRoute = createRoute({
  method: "get",
  path: "/events",
  tags: ["Public"],
  summary: "What happens, as it happens",
  description: [
    "Server-Sent Events. `reset` has the whole state, `{ mounts: Mount[] }`: it comes first, and again to a client that was away",
    "for so long that what it missed cannot be told any more. Then `source-on` and `format` with a Mount; `source-off` with",
    "`{ mount }`; `title` with `{ mount, title }`, title null when there is none any more; `listeners` with",
    "`{ mount, listeners, listenerPeak }`. With the `Last-Event-ID` of the last event it had a client gets all it missed:",
    "every source and title, and of formats and counts the newest. Ids rise. A comment comes every 15 s at least.",
  ].join(" "),
  request: {
    query: hiddenQuery,
    headers: z.object({
      "last-event-id": z
        .string()
        .max(64)
        .optional()
        .openapi({ description: "One that is none of ours is as none.", example: "3-1204" }),
    }),
  },
  responses: {
    200: { description: "Events", content: { "text/event-stream": { schema: z.string() } } },
    ...problems(400, 401, 403, 429),
  },
});

/** What anybody may ask. */
export function publicRoutes(api: Api, desk: Desk): void {
  /** Whether hidden mounts are to be shown: only to a login that may look. Throws Problem. */
  const mayShowHidden = async (context: ApiContext, hidden: boolean): Promise<boolean> => {
    if (hidden) await visitorOf(desk, ["viewer", "operator"], context);
    return hidden;
  };

  api.openapi(stationRoute, async (context) => {
    const host = apiHost(context);
    const station = await stationOf(host);
    const { startedMs, mounts } = await directoryListing(host);
    const shown = shownMounts(mounts, station);
    const { name, description, ingestHost, shoutcastPort } = station;
    return context.json(
      {
        name,
        description,
        ...(ingestHost !== undefined && { ingestHost }),
        ...(shoutcastPort !== undefined && { shoutcastPort }),
        startedAt: new Date(startedMs).toISOString(),
        mounts: shown.length,
        listeners: shown.reduce((sum, { listeners }) => sum + listeners, 0),
      },
      200,
    );
  });

  api.openapi(mountsRoute, async (context) => {
    const hidden = await mayShowHidden(context, context.req.valid("query").hidden);
    return context.json({ mounts: await mountsOnAir(apiHost(context), hidden) }, 200);
  });

  api.openapi(mountRoute, async (context) => {
    const hidden = await mayShowHidden(context, context.req.valid("query").hidden);
    const { mount } = context.req.valid("param");
    return context.json(await mountOnAir(mount, apiHost(context), hidden), 200);
  });

  api.openapi(nowPlayingRoute, async (context) => {
    const hidden = await mayShowHidden(context, context.req.valid("query").hidden);
    const { mount } = context.req.valid("param");
    const { title, listeners } = await mountOnAir(mount, apiHost(context), hidden);
    return context.json({ mount, title, listeners }, 200);
  });

  api.openapi(warningsRoute, async (context) => {
    const hidden = await mayShowHidden(context, context.req.valid("query").hidden);
    const host = apiHost(context);
    const [{ mounts }, station] = await Promise.all([directoryListing(host), stationOf(host)]);
    const shown = hidden ? mounts : mounts.filter(({ mount }) => !isHidden(mount, station));
    return context.json({ warnings: formatWarnings(shown, station.mounts) }, 200);
  });

  api.openapi(eventsRoute, async (context) => {
    const hidden = await mayShowHidden(context, context.req.valid("query").hidden);
    const { raw } = context.req;
    const address = await clientAddress(raw.headers, context.env);
    if (!hasRoomForEvents(address)) {
      throw new Problem(503, "too many follow the events here", { headers: { "Retry-After": "10" } });
    }
    const after = parseEventId(context.req.valid("header")["last-event-id"] ?? "");
    const stream =
      raw.method === "HEAD"
        ? null
        : openEventStream({ after, hidden, address }, apiHost(context), raw.signal);
    return new Response(stream, {
      headers: {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        // nginx would keep events back until it has a page of them.
        "X-Accel-Buffering": "no",
      },
    });
  });
}

async function mountsOnAir(host: Host, hidden: boolean) {
  const [{ mounts }, station] = await Promise.all([directoryListing(host), stationOf(host)]);
  return mounts
    .filter(({ mount }) => hidden || !isHidden(mount, station))
    .map((status) => mountJson(status, station));
}

async function mountOnAir(mount: string, host: Host, hidden: boolean) {
  const found = (await mountsOnAir(host, hidden)).find((each) => each.mount === mount);
  if (!found) throw new Problem(404, `${mount} is not on air`);
  return found;
}
