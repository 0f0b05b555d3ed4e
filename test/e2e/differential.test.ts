import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireClient } from "../support/clients.ts";
import { type IcecastServer, startIcecast } from "../support/icecast-server.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";
import { AuthServer } from "./differential/auth-server.ts";
import { differences } from "./differential/compare.ts";
import { explains, known } from "./differential/differences.ts";
import type { Reply } from "./differential/exchange.ts";
import { play } from "./differential/scenario.ts";
import { playSmall } from "./differential/small-station.ts";
import { smallStationXml, stationXml } from "./differential/station-xml.ts";

/** The same icecast.xml, sources, listeners and requests for Debian's Icecast and for Skywave. */
const folder = mkdtempSync(join(tmpdir(), "skywave-differential-"));
let icecast: IcecastServer | null = null;
let stack: Stack | undefined;
let smallIcecast: IcecastServer | null = null;
let smallStack: Stack | undefined;
let theirAuth: AuthServer;
let ourAuth: AuthServer;

beforeAll(async () => {
  theirAuth = await AuthServer.open();
  ourAuth = await AuthServer.open();
  icecast = await startIcecast((place) => stationXml({ ...place, authUrl: theirAuth.url }));
  smallIcecast = await startIcecast(smallStationXml);
  const start = (name: string, xml: string): Promise<Stack> => {
    const stationFile = join(folder, name);
    writeFileSync(stationFile, xml);
    return startStack({ stationFile });
  };
  const place = { port: 8000, folder, share: "/usr/share/icecast2" };
  [stack, smallStack] = await Promise.all([
    start("icecast.xml", stationXml({ ...place, authUrl: ourAuth.url })),
    start("small.xml", smallStationXml(place)),
  ]);
});

afterAll(async () => {
  await Promise.all([stack, smallStack, icecast, smallIcecast].map(async (each) => each?.stop()));
  theirAuth?.close();
  ourAuth?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("Skywave beside Icecast", () => {
  let theirs: ReadonlyMap<string, Reply>;
  let ours: ReadonlyMap<string, Reply>;

  beforeAll(async () => {
    if (!icecast || !smallIcecast || !stack || !smallStack) return;
    const replies = await Promise.all([
      play(icecast.port),
      playSmall(smallIcecast.port),
      play(stack.ingestPort),
      playSmall(smallStack.ingestPort),
    ]);
    [theirs, ours] = [new Map([...replies[0], ...replies[1]]), new Map([...replies[2], ...replies[3]])];
  }, 240_000);

  it("answers alike but where it is written why not", (context) => {
    requireClient(context, "icecast2");
    const found = differences(theirs, ours);
    const unexplained = found.filter((each) => !known.some((entry) => explains(entry, each)));
    expect(unexplained).toEqual([]);
    const unused = known.filter((entry) => !found.some((each) => explains(entry, each)));
    expect(unused).toEqual([]);
    expect(ours.size).toBeGreaterThan(200);
  });

  it("asks an authentication server alike", async (context) => {
    requireClient(context, "icecast2");
    // Who has left is told in the background.
    await waitFor(
      "both to be told of all",
      () =>
        [theirAuth, ourAuth].every(
          ({ asked }) =>
            asked.filter((line) => line.startsWith("POST /mrem")).length === 2 &&
            asked.some((line) => line.startsWith("POST /lrem")),
        ),
      20_000,
    );
    expect(ourAuth.asked.toSorted()).toEqual(theirAuth.asked.toSorted());
  });
});
