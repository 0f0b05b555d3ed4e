import { mountOrNull } from "../../shared/mount-path.ts";
import { Hono } from "hono";
import type { Context } from "hono";
import { admit } from "../access/admit.ts";
import { stationOf } from "../directory.ts";
import { badRequest, unavailable } from "../icecast-errors.ts";
import { libraryCommand } from "../library/commands.ts";
import { replyHeaders } from "../reply-headers.ts";
import { type App, hostOf, publicOrigin } from "../request-host.ts";
import { answerAdmin } from "./answer-admin.ts";
import { adminCss, adminPage, adminScripts } from "./admin-page.ts";
import { consoleLog, consoleMount, consoleOverview } from "./console.ts";
import { liveStation } from "./live-station.ts";

/** Everything below `/admin/`: the console for people, and Icecast's commands. */
export const admin = new Hono<App>();

// Hono answers HEAD as GET, and a command would be carried out.
admin.use(async (context, next) => (context.req.method === "HEAD" ? badRequest("unknown request") : next()));

admin.get("/admin.css", () => adminCss());
for (const [name, script] of Object.entries(adminScripts)) admin.get(`/${name}`, () => script());

admin.get("/console.json", async (context) => {
  const visitor = await admit(context.req.raw, lookers, hostOf(context));
  return visitor instanceof Response ? visitor : json(await consoleOverview(visitor, hostOf(context)));
});
admin.get("/console-mount.json", async (context) => {
  const visitor = await admit(context.req.raw, lookers, hostOf(context));
  if (visitor instanceof Response) return visitor;
  const mount = mountOrNull(context.req.query("mount") ?? "");
  return mount ? json(await consoleMount(mount, hostOf(context))) : badRequest("Source does not exist");
});
admin.get("/console-log.json", async (context) => {
  const visitor = await admit(context.req.raw, ["admin"], hostOf(context));
  return visitor instanceof Response ? visitor : json(await consoleLog(hostOf(context)));
});

for (const command of ["now", "next"] as const) {
  admin.get(`/autodj/${command}`, async (context) => {
    const visitor = await admit(context.req.raw, ["operator"], hostOf(context));
    if (visitor instanceof Response) return visitor;
    return libraryCommand(command, new URL(context.req.url), hostOf(context));
  });
}

// All other AutoDJs are on their ingest hosts, which the edge cannot ask.
admin.all("/autodj/*", async (context) => {
  const host = hostOf(context);
  const visitor = await admit(context.req.raw, ["admin", "operator"], host);
  if (visitor instanceof Response) return visitor;
  const { ingestHost } = await stationOf(host);
  const where = ingestHost === undefined ? "" : `, ${ingestHost}`;
  return json({ error: `AutoDJs answer on the port where sources connect${where}` }, 404);
});

admin.all("/*", async (context) => {
  const { pathname } = new URL(context.req.url);
  // Without its slash the page's own addresses would lead elsewhere.
  if (pathname === "/admin") return context.redirect("/admin/", 301);
  const name = pathname.slice("/admin/".length);
  if (name === "" && context.req.method === "GET") {
    const visitor = await admit(context.req.raw, lookers, hostOf(context));
    return visitor instanceof Response ? visitor : adminPage();
  }
  return answerAdmin(
    context.req.raw,
    name,
    liveStation(hostOf(context), () => originOf(context)),
  );
});

admin.onError((error) => {
  console.error("an administrator's request failed", error.stack ?? String(error));
  return unavailable();
});

const lookers = ["admin", "operator", "viewer"] as const;

const originOf = (context: Context<App>): Promise<string> => publicOrigin(context);

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), {
    status,
    headers: { ...replyHeaders("application/json; charset=utf-8"), "X-Content-Type-Options": "nosniff" },
  });
