import type { Context } from "hono";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Role } from "../../shared/edge-secrets.ts";
import type { MountPath } from "../../shared/units.ts";
import type { MountVisitor, MountWish } from "../access/admit.ts";
import { isKnownMount } from "../directory.ts";
import type { Host } from "../mount-feed.ts";
import { type App, hostOf } from "../request-host.ts";
import type { Desk } from "./desk.ts";
import { Problem, problemOf } from "./problem.ts";

export interface ApiApp extends App {
  readonly Variables: { visitor: MountVisitor };
}
export type Api = OpenAPIHono<ApiApp>;
export type ApiContext = Context<ApiApp>;

/** As the worker's other routes have it. */
export const apiHost = (context: ApiContext): Host => hostOf(context as unknown as Context<App>);

/** Lets a login of these roles through, and a browser only with a page of ours behind it. */
export const admitted =
  (desk: Desk, may: readonly Role[]) =>
  async (context: ApiContext, next: () => Promise<void>): Promise<void> => {
    context.set("visitor", await visitorOf(desk, may, context));
    await next();
  };

/** Throws Problem. */
export const visitorOf = (desk: Desk, may: readonly Role[], context: ApiContext): Promise<MountVisitor> =>
  mountVisitorOf(desk, { may, mount: null }, context);

/** Of one mount, which its source may enter too. Throws Problem. */
export async function mountVisitorOf(
  desk: Desk,
  wish: MountWish,
  context: ApiContext,
): Promise<MountVisitor> {
  const host = apiHost(context);
  const { raw } = context.req;
  const { may, mount } = wish;
  const visitor =
    mount === null ? await desk.admit(raw, may, host) : await desk.admitToMount(raw, wish, host);
  if (visitor instanceof Response) throw await problemOf(visitor);
  if (raw.method !== "GET" && raw.method !== "HEAD") {
    const refusal = await desk.guardUnsafe(raw, visitor, host);
    if (refusal) throw await problemOf(refusal);
  }
  return visitor;
}

/** Throws Problem when nothing was ever there. */
export async function expectKnown(mount: MountPath, host: Host): Promise<void> {
  if (!(await isKnownMount(mount, host))) throw new Problem(404, `there is no mount ${mount}`);
}
