import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bundleWorker } from "../../../local/edge-bundle.ts";
import { readWranglerConfig } from "../../../local/wrangler-config.ts";
import { adminCommandAccess, routeAccess } from "../../../worker/access/route-access.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx = null;
  },
}));
const { apiPrefix } = await import("../../../worker/api/api-on-demand.ts");
const { makeApi } = await import("../../../worker/api/api.ts");
const { stationDesk } = await import("../../../worker/api/station-desk.ts");
const { commands, plainCommands } = await import("../../../worker/admin/commands.ts");

const root = join(import.meta.dirname, "..", "..", "..");
const folder = mkdtempSync(join(tmpdir(), "skywave-routes-"));

/** The site as the worker has it, bundled because its pages are files that are imported as text. */
async function bundledSite(): Promise<Hono> {
  const { rules } = readWranglerConfig(join(root, "wrangler.toml"));
  const textGlobs = rules.filter(({ type }) => type === "Text").flatMap(({ globs }) => globs);
  const script = await bundleWorker({ root, main: join(root, "worker", "site.ts"), textGlobs });
  const file = join(folder, "site.mjs");
  const workers = "data:text/javascript,export class DurableObject {}";
  writeFileSync(file, script.replaceAll('"cloudflare:workers"', JSON.stringify(workers)));
  const { site } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { site: Hono };
  return site;
}

describe("the table of who may use what", () => {
  let site: Hono;
  beforeAll(async () => {
    vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
    site = await bundledSite();
    // A bundle takes long on a machine that does other things too.
  }, 60_000);
  afterAll(() => {
    vi.unstubAllGlobals();
    rmSync(folder, { recursive: true });
  });

  it("has a row for every route, and no others", () => {
    // The API is made when it is first asked for: until then the site has one route for all of it.
    const api = makeApi(stationDesk).routes.map((route) => ({ ...route, path: apiPrefix + route.path }));
    const routes = new Set([...site.routes, ...api].map(({ method, path }) => `${method} ${path}`));
    expect([...routes].toSorted()).toEqual(Object.keys(routeAccess).toSorted());
  });

  it("has a row for the console and every administrator's command, and no others", () => {
    const names = ["", "buildm3u", ...Object.keys(commands), ...Object.keys(plainCommands)];
    expect(names.toSorted()).toEqual(Object.keys(adminCommandAccess).toSorted());
  });
});
