import { Hono } from "hono";
import type { Env } from "../env.ts";
import type { App } from "../request-host.ts";
import { makeApi } from "./api.ts";
import { stationDesk } from "./station-desk.ts";

export const apiPrefix = "/api/v1";

let made: Hono<App> | undefined;

/** The API, made when it is first asked for: an isolate that starts for a listener has the better part of it to spare. */
export function api(
  request: Request,
  env: Env,
  context: Parameters<Hono<App>["fetch"]>[2],
): Response | Promise<Response> {
  made ??= new Hono<App>().route(apiPrefix, makeApi(stationDesk));
  return made.fetch(request, env, context);
}
