import { openSocket } from "../../support/raw-request.ts";
import { waitFor } from "../../support/wait.ts";
import { admin, command, type Server } from "./server.ts";

/** Fields that are another at every moment: that they are told is compared, not what. */
const moving =
  /^(EVENT \S+ (?:\w*connections|clients|listeners|listener_peak|stats|sources|total_\w+|stream_start\w*|server_start\w*)) .*/;

/** Reads Icecast's stream of statistics: everything at first, then each title as it changes. */
export async function statsEvents(server: Server, mount: string): Promise<void> {
  const socket = await openSocket(server.port);
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
  try {
    socket.write(`STATS / HTTP/1.0\r\n${admin}\r\n`);
    await waitFor("the dump of all statistics", () => received.includes(`EVENT ${mount} user_agent`), 10_000);
    // The order is that of a hash table there, and each server counts its own connections at its own pace.
    const [head = "", body = ""] = received.split("\r\n\r\n");
    const lines = body.split("\n").filter((line) => line !== "");
    const told = new Set(lines.map((line) => line.replace(moving, "$1")));
    server.note("STATS", { status: head, headers: {}, body: [...told].toSorted().join("\n"), ends: false });

    await server.look(command("metadata", `mount=${mount}&mode=updinfo&artist=Told&title=At%20once`));
    const title = new RegExp(`^EVENT ${mount} title .*At once$`, "m");
    const changed = await waitFor("the title to be told", () => title.exec(received)?.[0], 10_000);
    server.note("STATS: a title", { status: "", headers: {}, body: changed, ends: false });
  } finally {
    socket.destroy();
  }
}
