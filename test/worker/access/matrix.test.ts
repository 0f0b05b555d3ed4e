import { describe, expect, it, vi } from "vitest";
import { adminCommandAccess, routeAccess } from "../../../worker/access/route-access.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx = null;
  },
}));
/** Bundled as text, which these tests do not read. */
const text = { default: "" };
vi.mock("../../../worker/page/index.html", () => text);
vi.mock("../../../worker/page/page.js", () => text);
vi.mock("../../../worker/page/admin.html", () => text);
vi.mock("../../../worker/page/admin.js", () => text);
vi.mock("../../../worker/page/admin-words.js", () => text);
vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });

const { site } = await import("../../../worker/site.ts");
const { apiPrefix } = await import("../../../worker/api/api-on-demand.ts");
const { makeApi } = await import("../../../worker/api/api.ts");
const { stationDesk } = await import("../../../worker/api/station-desk.ts");
const { commands, plainCommands } = await import("../../../worker/admin/commands.ts");

describe("the table of who may use what", () => {
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
