import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listening, listen } from "../support/listen.ts";
import { openSocket } from "../support/raw-request.ts";
import { claim } from "../support/silent-source.ts";
import { startStation } from "../support/station.ts";
import { waitForStatus } from "../support/status.ts";
import type { Stack } from "../support/stack.ts";
import { framesOf, streamMp3 } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

/** How many may listen: exactly as many as the station file says, whoever comes at the same moment. */
const fixture = join(import.meta.dirname, "..", "fixtures", "cbr128-joint44.mp3");
const limits = { mount: 50, early: 3, inAll: 80 };

describe("limits of listeners", () => {
  let stack: Stack;
  const open: Listening[] = [];
  beforeAll(async () => {
    stack = await startStation(
      [
        "[limits]",
        `max_listeners_in_all = ${limits.inAll}`,
        '[mounts."/a.mp3"]',
        `max_listeners = ${limits.mount}`,
        '[mounts."/early.mp3"]',
        `max_listeners = ${limits.early}`,
        "",
      ].join("\n"),
    );
  });
  afterAll(async () => {
    for (const each of open) each.close();
    await stack.stop();
  });

  /** Those who get in stay; of the others the reply is kept. */
  async function enter(mount: string, count: number): Promise<{ in: Listening[]; refused: Listening[] }> {
    const all = await Promise.all(Array.from({ length: count }, () => listen(stack.edgeUrl + mount)));
    open.push(...all);
    return {
      in: all.filter(({ status }) => status === 200),
      refused: all.filter(({ status }) => status !== 200),
    };
  }

  async function expectRefused(refused: readonly Listening[]): Promise<void> {
    await Promise.all(refused.map(({ ended }) => ended));
    const replies = new Set(refused.map((each) => `${each.status} ${each.bytes().toString()}`));
    expect(replies).toEqual(new Set(["403 max listeners reached"]));
  }

  /** Some leave; resolves when the station has noticed. */
  async function leave(mount: string, leaving: readonly Listening[], left: number): Promise<void> {
    for (const each of leaving) each.close();
    await waitForStatus(stack, mount, { listeners: left });
  }

  it("are kept by a mount to the very number, and so are those of the whole station", async () => {
    const { ingestPort, password } = stack;
    const sources = await Promise.all(
      ["/a.mp3", "/b.mp3"].map((mount) => streamMp3(ingestPort, mount, fixture, { password })),
    );
    await Promise.all([waitForStatus(stack, "/a.mp3"), waitForStatus(stack, "/b.mp3")]);

    const a = await enter("/a.mp3", 200);
    expect(a.in).toHaveLength(limits.mount);
    await expectRefused(a.refused);
    await leave("/a.mp3", a.in.slice(0, 10), limits.mount - 10);
    const again = await enter("/a.mp3", 60);
    expect(again.in).toHaveLength(10);
    await expectRefused(again.refused);

    // /b.mp3 has no limit of its own: the station's is what is left.
    const b = await enter("/b.mp3", 60);
    expect(b.in).toHaveLength(limits.inAll - limits.mount);
    await expectRefused(b.refused);
    // Nobody who was refused by the station keeps a seat of the mount.
    await waitForStatus(stack, "/b.mp3", { listeners: limits.inAll - limits.mount });
    await leave("/a.mp3", again.in, limits.mount - 10);
    // The mount and the directory are told apart.
    await waitFor("the station's seats to be free", async () => {
      const { in: one } = await enter("/b.mp3", 1);
      return one.length === 1;
    });
    const rest = await enter("/b.mp3", 30);
    expect(rest.in).toHaveLength(9);
    await expectRefused(rest.refused);

    await Promise.all([
      leave("/a.mp3", a.in, 0),
      leave(
        "/b.mp3",
        open.filter(({ status }) => status === 200),
        0,
      ),
    ]);
    for (const source of sources) source.destroy();
  }, 60_000);

  it("do not count those who left before they heard anything", async () => {
    const mount = "/early.mp3";
    const socket = await claim(stack, mount);
    await waitForStatus(stack, mount);
    // The reply waits for the first sound, and these do not.
    const early = await Promise.all(
      Array.from({ length: 3 * limits.early }, async () => {
        const client = await openSocket(stack.edgePort);
        client.on("error", () => undefined);
        client.write(`GET ${mount} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        return client;
      }),
    );
    await waitForStatus(stack, mount, { listeners: limits.early });
    for (const client of early) client.destroy();
    const frames = framesOf(fixture);
    let next = 0;
    const timer = setInterval(() => {
      for (const { bytes } of frames.slice(next, next + 8)) socket.write(bytes);
      next = (next + 8) % 400;
    }, 200);
    try {
      await waitForStatus(stack, mount, { listeners: 0 });
      const { in: entered, refused } = await enter(mount, 2 * limits.early);
      expect(entered).toHaveLength(limits.early);
      await expectRefused(refused);
    } finally {
      clearInterval(timer);
      socket.destroy();
    }
  }, 60_000);
});
