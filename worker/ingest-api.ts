import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import {
  type Announcement,
  announceSchema,
  type Claim,
  claimSchema,
  type Hold,
  holdSchema,
  recordsCallSchema,
  type Renewal,
  renewSchema,
  type Statistics,
  stationCallSchema,
} from "../shared/edge-api.ts";
import type { MountReply } from "../shared/mount-state.ts";
import type { MountPath } from "../shared/units.ts";
import { directoryName, forgetStation, knownStation, noteKnownMount, stationOf } from "./directory.ts";
import type { Env } from "./env.ts";
import { isSecret } from "./is-secret.ts";
import { ingestBodyBytes, stationBodyBytes } from "./limits.ts";
import { forgetAbsence } from "./mount-feed.ts";
import type { HoldOutcome, MountObject } from "./mount-object.ts";
import { hostOf } from "./request-host.ts";
import { ledgerName } from "./roster/ledger-object.ts";
import { libraryOf } from "./station.ts";
import { takeOver } from "./take-over.ts";
import { icecastStatistics } from "./statistics.ts";

/** The calls of `shared/edge-api.ts`, each one call of the mount's object. */
export const ingestApi = new Hono<{ Bindings: Env }>();

ingestApi.use(async (context, next) => {
  if (!(await isIngest(context.req.raw.headers.get("Authorization"), context.env))) {
    return context.json({ error: "unauthorized", message: "the ingest token is missing or wrong" }, 401);
  }
  return next();
});
const limitedTo = (maxSize: number): MiddlewareHandler =>
  bodyLimit({
    maxSize,
    onError: (context) =>
      context.json({ error: "too-large", message: `a body has at most ${maxSize} bytes` }, 413),
  });
const limits = { station: limitedTo(stationBodyBytes), others: limitedTo(ingestBodyBytes) };
ingestApi.use((context, next) =>
  context.req.path.endsWith("/station") ? limits.station(context, next) : limits.others(context, next),
);

ingestApi.post("/claim", async (context) => {
  const station = await stationOf(hostOf(context)).catch(() => knownStation(context.env));
  return call(context.req.raw, claimSchema, context.env, (mount, body) => {
    const claim = body as Claim;
    // Its listeners ask no object who else plays: a source has a mount of its own, with this one as its fallback.
    return libraryOf(station, claim.mount) === undefined ? mount.claim(claim) : { kind: "in-use" };
  });
});
ingestApi.post("/announce", (context) => {
  const announce = async (mount: DurableObjectStub<MountObject>, body: unknown): Promise<HoldOutcome> => {
    const announcement = body as Announcement;
    const outcome = await mount.announce(announcement);
    const isHeard = outcome.kind === "held" && outcome.begins === true;
    if (isHeard) context.executionCtx.waitUntil(takeOver(announcement.mount, hostOf(context)));
    return outcome;
  };
  return call(context.req.raw, announceSchema, context.env, announce);
});
ingestApi.post("/renew", (context) =>
  call(context.req.raw, renewSchema, context.env, (mount, body) => mount.renew(body as Renewal)),
);
ingestApi.post("/release", (context) =>
  call(context.req.raw, holdSchema, context.env, (mount, body) => mount.release(body as Hold)),
);

ingestApi.post("/station", async (context) => {
  const body = stationCallSchema.safeParse(await context.req.json().catch(() => null));
  if (!body.success) return malformed(body.error);
  await context.env.DIRECTORY.getByName(directoryName).keepStation(body.data.station, body.data.secrets);
  forgetStation();
  return context.json({});
});

ingestApi.post("/statistics", async (context) => {
  const { global, sources } = await icecastStatistics(hostOf(context));
  const fields = [...sources].map(([mount, each]) => [mount, Object.fromEntries(each)] as const);
  const statistics: Statistics = { global: Object.fromEntries(global), sources: Object.fromEntries(fields) };
  return context.json(statistics);
});

ingestApi.post("/records", async (context) => {
  const body = recordsCallSchema.safeParse(await context.req.json().catch(() => null));
  if (!body.success) return malformed(body.error);
  const ledger = context.env.LEDGER.getByName(ledgerName);
  return context.json(await ledger.records(body.data.after));
});

async function call<Body extends { mount: MountPath }>(
  request: Request,
  schema: z.ZodType<Body>,
  env: Env,
  act: (mount: DurableObjectStub<MountObject>, body: Body) => Promise<MountReply | HoldOutcome> | MountReply,
): Promise<Response> {
  const body = schema.safeParse(await request.json().catch(() => null));
  if (!body.success) return malformed(body.error);
  const reply = await act(env.MOUNT.getByName(body.data.mount), body.data);
  switch (reply.kind) {
    case "claimed":
      noteKnownMount(body.data.mount);
      forgetAbsence(body.data.mount);
      return Response.json({ epoch: reply.epoch, gapMs: reply.gapMs });
    case "held":
      return Response.json({ orders: reply.orders, listeners: reply.listeners });
    case "ok":
      return Response.json({});
    case "in-use":
      return Response.json(
        { error: "mount-in-use", message: "another source has the mount" },
        { status: 409 },
      );
    case "fenced":
      return Response.json({ error: "fenced", message: fencedMessage(reply) }, { status: 410 });
  }
}

const fencedMessage = ({ epoch, by }: { readonly epoch: number; readonly by?: string }): string =>
  by === undefined ? `another source has taken the mount (epoch ${epoch})` : `ended by ${by}`;

function malformed({ issues }: z.ZodError): Response {
  const message = issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  return Response.json({ error: "malformed", message }, { status: 400 });
}

async function isIngest(authorization: string | null, env: Pick<Env, "INGEST_TOKEN">): Promise<boolean> {
  const token = env.INGEST_TOKEN;
  if (!token || !authorization?.startsWith("Bearer ")) return false;
  return isSecret(authorization.slice("Bearer ".length), token);
}
