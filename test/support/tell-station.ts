import type { StationCall } from "../../shared/edge-api.ts";
import { ingestApiPrefix } from "../../shared/edge-api.ts";
import type { z } from "zod";
import { edgeSecretsSchema } from "../../shared/edge-secrets.ts";
import { edgeStationSchema } from "../../shared/edge-station.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

/** Tells the edge of a running stack other settings than its own ingest has, once that has told it. Without secrets its users stay. */
export async function tellStation(
  stack: Pick<Stack, "edgeUrl" | "ingestPort" | "ingestToken" | "log">,
  station: z.input<typeof edgeStationSchema>,
  secrets?: z.input<typeof edgeSecretsSchema>,
): Promise<void> {
  await waitFor("the edge to know the station", () => stack.log().includes("the edge knows the station"));
  const body: StationCall = {
    station: edgeStationSchema.parse({ ingestHost: `127.0.0.1:${stack.ingestPort}`, ...station }),
    ...(secrets && { secrets: edgeSecretsSchema.parse(secrets) }),
  };
  const reply = await fetch(`${stack.edgeUrl}${ingestApiPrefix}/station`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${stack.ingestToken}`, "Content-Type": "application/json" },
  });
  if (!reply.ok) throw new Error(`the edge answers ${reply.status}: ${await reply.text()}`);
}
