import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashPassword } from "../../shared/password-hash.ts";
import { complaintsOfPrograms } from "../support/decoders.ts";
import { FrameList } from "../support/frame-check.ts";
import { type Heard, heardOf, outline } from "../support/heard.ts";
import { type Listening, listen } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf, streamMp3, type Streaming } from "../support/stream-mp3.ts";
import { waitForStatus } from "../support/status.ts";
import { waitFor } from "../support/wait.ts";

/** Who listens, and what administrators order of listeners and sources, on the real stack. */
const fixtureOf = (name: string) => join(import.meta.dirname, "..", "fixtures", name);
const files = { "/a.mp3": fixtureOf("cbr128-joint44.mp3"), "/b.mp3": fixtureOf("crc128.mp3") };
type Mount = keyof typeof files;
const lists = {
  a: new FrameList(framesOf(files["/a.mp3"])),
  b: new FrameList(framesOf(files["/b.mp3"])),
};
const password = "only for this test";
const segmentMs = 2_000;

interface Told {
  readonly id: number;
  readonly userAgent: string;
}

describe("listeners and sources that are administered", () => {
  let stack: Stack;
  const sources = new Map<Mount, Streaming>();
  const open: Listening[] = [];

  beforeAll(async () => {
    stack = await startStack();
    await settle();
    for (const mount of ["/a.mp3", "/b.mp3"] as const) await start(mount);
  });
  afterAll(async () => {
    for (const each of open) each.close();
    for (const each of sources.values()) each.destroy();
    await stack.stop();
  });

  /** The station as this test needs it: an administrator, and an access log. */
  async function settle(): Promise<void> {
    const users = [{ name: "root", role: "admin", hash: await hashPassword(password) }];
    const guests = { fallback: { kind: "mount", mount: "/b.mp3" }, fallbackOverride: "all" };
    const mounts = { "/guest*": guests };
    const station = { name: "Skywave", segmentMs, graceMs: 15_000, accessLog: true, mounts };
    await ingestCall("station", { station, secrets: { users } });
  }

  async function start(mount: Mount): Promise<void> {
    sources.set(
      mount,
      await streamMp3(stack.ingestPort, mount, files[mount], { password: stack.password, loop: true }),
    );
    await waitForStatus(stack, mount);
    await title(mount, `live on ${mount}`);
  }

  const ingestCall = async (call: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${stack.edgeUrl}/api/ingest/v1/${call}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${stack.ingestToken}` },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return response.json();
  };

  /** `path` below the mount. */
  const api = async (mount: Mount, path: string, method = "GET", body?: unknown): Promise<Response> =>
    fetch(`${stack.edgeUrl}/api/v1/mounts${mount}/${path}`, {
      method,
      headers: {
        Authorization: `Basic ${Buffer.from(`root:${password}`).toString("base64")}`,
        "Content-Type": "application/json",
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  const title = async (mount: Mount, text: string) => {
    const response = await api(mount, "title", "POST", { title: text });
    expect(response.status).toBe(202);
  };

  async function listenersOf(mount: Mount): Promise<readonly Told[]> {
    const response = await api(mount, "listeners");
    expect(response.status).toBe(200);
    return ((await response.json()) as { listeners: Told[] }).listeners;
  }

  const waitForListeners = (mount: Mount, agents: readonly string[]): Promise<readonly Told[]> =>
    waitFor(`${mount} to have ${agents.join(", ") || "no listeners"}`, async () => {
      const told = await listenersOf(mount);
      const names = told.map(({ userAgent }) => userAgent).toSorted();
      return JSON.stringify(names) === JSON.stringify(agents.toSorted()) && told;
    });

  /** Through the ingest host the edge knows the address; `agent` tells listeners of this machine apart. */
  async function enter(
    mount: Mount,
    agent: string,
    headers: Record<string, string> = {},
  ): Promise<Listening> {
    const listening = await listen(stack.ingestUrl + mount, {
      icy: true,
      headers: { "User-Agent": agent, ...headers },
    });
    expect(listening.status).toBe(200);
    open.push(listening);
    return listening;
  }

  const heard = (listening: Listening): Heard => heardOf(listening, lists);
  const waitToHear = (listening: Listening, expected: readonly string[]): Promise<true> =>
    waitFor(`a listener to hear ${expected.join(", ")}`, () => {
      const names = outline(heard(listening));
      return JSON.stringify(names) === JSON.stringify(expected);
    });

  it("are listed while they listen, and ended where they are killed", async () => {
    const [first, second] = await Promise.all([enter("/a.mp3", "first"), enter("/a.mp3", "second")]);
    const told = await waitForListeners("/a.mp3", ["first", "second"]);
    const victim = told.find(({ userAgent }) => userAgent === "first");
    expect((await api("/a.mp3", `listeners/${victim?.id}`, "DELETE")).status).toBe(204);
    await first.ended;
    await waitForListeners("/a.mp3", ["second"]);
    expect((await api("/a.mp3", `listeners/${victim?.id}`, "DELETE")).status).toBe(404);
    // The other goes on, and so does whoever comes back.
    const again = await enter("/a.mp3", "first");
    const back = await waitForListeners("/a.mp3", ["first", "second"]);
    expect(back.map(({ id }) => id)).not.toContain(victim?.id);
    const before = second.bytes().length;
    await waitFor("the other to hear more", () => second.bytes().length > before);
    for (const each of [second, again]) each.close();
    await waitForListeners("/a.mp3", []);
  });

  it("hear another mount on the connection they have when they are moved, with its title and no damaged frame", async () => {
    const [moved, stays] = await Promise.all([enter("/a.mp3", "moved"), enter("/a.mp3", "stays")]);
    const told = await waitForListeners("/a.mp3", ["moved", "stays"]);
    await waitForStatus(stack, "/a.mp3", { listeners: 2 });
    const listener = told.find(({ userAgent }) => userAgent === "moved")?.id;
    expect((await api("/a.mp3", "move-listeners", "POST", { to: "/b.mp3", listener })).status).toBe(204);
    await waitToHear(moved, ["a", "b"]);
    const [now] = await waitForListeners("/b.mp3", ["moved"]);
    expect(now?.id).toBe(listener);
    await waitForListeners("/a.mp3", ["stays"]);
    await waitForStatus(stack, "/a.mp3", { listeners: 1 });
    await waitForStatus(stack, "/b.mp3", { listeners: 1 });
    // And back, together with whoever else is there.
    const other = await enter("/b.mp3", "other");
    await waitForListeners("/b.mp3", ["moved", "other"]);
    expect((await api("/b.mp3", "move-listeners", "POST", { to: "/a.mp3" })).status).toBe(204);
    await Promise.all([waitToHear(moved, ["a", "b", "a"]), waitToHear(other, ["b", "a"])]);
    await waitForListeners("/b.mp3", []);
    const late = await enter("/b.mp3", "late");
    // Who comes after the order stays.
    await waitToHear(late, ["b"]);
    await waitFor("3 s more of the late one", () => heard(late).audio.length > 10 * 16_000);
    expect(outline(heard(late))).toEqual(["b"]);
    expect(outline(heard(stays))).toEqual(["a"]);
    expect(heard(moved).titles.map(({ text }) => text)).toEqual([
      "live on /a.mp3",
      "live on /b.mp3",
      "live on /a.mp3",
    ]);
    for (const each of [moved, other, late, stays]) {
      expect(heard(each).rest).toBeLessThan(1_000);
      expect(complaintsOfPrograms(heard(each).audio)).toEqual([]);
      each.close();
    }
  }, 60_000);

  it("keep their connection when their source is killed, and the same encoder may come back", async () => {
    const listening = await enter("/a.mp3", "patient");
    await waitForListeners("/a.mp3", ["patient"]);
    const source = sources.get("/a.mp3");
    expect((await api("/a.mp3", "source", "DELETE")).status).toBe(204);
    expect((await api("/a.mp3", "source", "DELETE")).status).toBe(409);
    await source?.finished;
    await start("/a.mp3");
    await waitToHear(listening, ["a", "silence", "a"]);
    expect(complaintsOfPrograms(heard(listening).audio)).toEqual([]);
    listening.close();
  }, 60_000);

  it("go to a mount that takes over those of its fallback by a pattern, once it is heard", async () => {
    const listening = await enter("/b.mp3", "regular");
    await waitForListeners("/b.mp3", ["regular"]);
    const file = files["/a.mp3"];
    const options = { password: stack.password, loop: true };
    const guest = await streamMp3(stack.ingestPort, "/guest.mp3", file, options);
    await waitToHear(listening, ["b", "a"]);
    expect(complaintsOfPrograms(heard(listening).audio)).toEqual([]);
    await waitForListeners("/b.mp3", []);
    guest.destroy();
    listening.close();
  }, 60_000);

  it("see a title that an administrator sets within two segments", async () => {
    const listening = await enter("/b.mp3", "reader");
    await title("/b.mp3", "set by hand");
    await waitFor("the title", () => heard(listening).titles.some(({ text }) => text === "set by hand"));
    await waitForStatus(stack, "/b.mp3", { title: "set by hand" });
    listening.close();
  });

  it("are one session each, whether they probe or reconnect, and are told once when it is over", async () => {
    await waitForListeners("/b.mp3", []);
    const sessions = async () =>
      ((await (await api("/b.mp3", "audience")).json()) as { sessions: number }).sessions;
    const before = await sessions();
    const browser = await enter("/b.mp3", "browser", { Range: "bytes=0-1" });
    const playing = await enter("/b.mp3", "browser");
    browser.close();
    const [first] = await waitForListeners("/b.mp3", ["browser"]);
    playing.close();
    await waitForListeners("/b.mp3", []);
    const again = await enter("/b.mp3", "browser");
    const [second] = await waitForListeners("/b.mp3", ["browser"]);
    expect(second?.id).toBe(first?.id);
    expect(await sessions()).toBe(before + 1);
    again.close();
    const records = new Map<number, { readonly bytesSent: number; readonly sequence: number }>();
    let after = 0;
    const fetchRecords = async () => {
      const reply = (await ingestCall("records", { after })) as {
        records: { id: number; bytesSent: number; sequence: number }[];
      };
      for (const record of reply.records) {
        expect(records.has(record.id)).toBe(false);
        records.set(record.id, record);
        after = record.sequence;
      }
    };
    await waitFor(
      "the record of the session",
      async () => {
        await fetchRecords();
        return first !== undefined && records.has(first.id);
      },
      // Its end is noticed after 6 s, nobody goes on with it for 10, and a roster tells the ledger every 10.
      60_000,
    );
    expect(records.get(first?.id ?? 0)?.bytesSent).toBeGreaterThanOrEqual(playing.bytes().length);
    await fetchRecords();
    await fetchRecords();
  }, 90_000);

  it("are counted on where they were when the runtime has died", async () => {
    const counters = async () => {
      const response = await fetch(`${stack.edgeUrl}/api/v1/counters`, {
        headers: { Authorization: `Basic ${Buffer.from(`root:${password}`).toString("base64")}` },
      });
      return (await response.json()) as Record<string, number>;
    };
    const before = await waitFor("something to be counted", async () => {
      const each = await counters();
      return (each["bytesSent"] ?? 0) > 0 && each;
    });
    expect(before["listenerConnections"]).toBeGreaterThan(8);
    expect(before["sourceConnections"]).toBe(4);
    stack.kill("workerd");
    await waitFor(
      "the edge to be back",
      async () => (await fetch(`${stack.edgeUrl}/health`).catch(() => null))?.ok,
    );
    for (const [name, count] of Object.entries(before)) {
      expect((await counters())[name]).toBeGreaterThanOrEqual(count);
    }
    await waitForStatus(stack, "/b.mp3");
    const listening = await enter("/b.mp3", "after");
    await waitForListeners("/b.mp3", ["after"]);
    const told = await api("/b.mp3", "audience").then((response) => response.json());
    expect(told).toMatchObject({ byCountry: { "": 1 } });
    listening.close();
  }, 60_000);
});
