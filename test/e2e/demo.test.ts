import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { heardOf } from "../support/heard.ts";
import { listen, type Listening } from "../support/listen.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { framesOf } from "../support/stream-mp3.ts";
import { waitFor } from "../support/wait.ts";

const mount = "/demo.mp3";
const folder = join(import.meta.dirname, "..", "..", "examples", "demo");

/** A first `npm start`: no station file, no music, nothing kept. */
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ flags: [] });
});
afterAll(() => stack?.stop());

/** The demo, as soon as it is there; its music is looked into before. */
const hear = (): Promise<Listening> =>
  waitFor(`${mount} to be on the air:\n${stack.log()}`, async () => {
    const listening = await listen(stack.edgeUrl + mount, { icy: true });
    if (listening.status === 200) return listening;
    listening.close();
    return false;
  });

describe("a station that has nothing of its own", () => {
  it("plays the music that comes with it, frame by frame as the files have it, with titles", async () => {
    const listening = await hear();
    expect(listening.headers["icy-name"]).toBe("Skywave demo");
    // On no directory: nobody has asked for that.
    expect(listening.headers["icy-pub"]).toBe("0");
    const titles = () => heardOf(listening, {}).titles.map(({ text }) => text);
    await waitFor("the first title", () => titles().length > 0);
    await waitFor("six seconds of audio", () => listening.bytes().length > 48_000);
    expect(titles()[0]).toBe("Skywave - Grey Line");

    const { audio } = heardOf(listening, {});
    const frames = mp3.indexFrames(audio);
    // A primer may stand before the first.
    const from = frames[2]?.offset ?? audio.length;
    const file = Buffer.concat(framesOf(join(folder, "grey-line.mp3")).map(({ bytes }) => bytes));
    expect(audio.length - from).toBeGreaterThan(40_000);
    expect(file.includes(Buffer.from(audio.subarray(from)))).toBe(true);

    const skipped = await fetch(`${stack.ingestUrl}/admin/autodj/skip?mount=${mount}`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`admin:${stack.adminPassword}`)}` },
    });
    expect(skipped.status, await skipped.text()).toBe(200);
    await waitFor(
      `the next piece, after ${titles().join(", ")}`,
      () => titles().at(-1) === "Skywave - Night Path",
    );
    listening.close();
  });

  it("shows it on its status page's list", async () => {
    (await hear()).close();
    const status = await fetch(`${stack.edgeUrl}/status-json.xsl`);
    const { icestats } = (await status.json()) as { icestats: { source?: { server_name?: string } } };
    expect(icestats.source?.server_name).toBe("Skywave demo");
  });
});
