import type { DjAccount, IngestMount, RelaySettings, UrlCall } from "./ingest-settings.ts";
import { parseSlot } from "./dj-slot.ts";
import { settledHash } from "./password.ts";
import type { Station } from "./station.ts";
import type { MountTable, UrlCallTable } from "./station-mount.ts";
import { defined, optionalMs, withoutLogin } from "./values.ts";

interface Given {
  readonly ingestToken: string;
  /** An absolute path from one in the station file. */
  readonly resolve: (path: string) => string;
}

/** What the ingest host needs to know of single mounts. */
export function ingestMounts(
  { station, mounts }: Pick<Station, "station" | "mounts">,
  given: Given,
): ReadonlyMap<string, IngestMount> {
  return new Map(
    Object.entries(mounts).map(([mount, table]) => [
      mount,
      ingestMount(table, { ...given, mount, timeZone: station.time_zone }),
    ]),
  );
}

function ingestMount(
  table: MountTable,
  { resolve, ingestToken, mount, timeZone }: Given & { readonly mount: string; readonly timeZone: string },
): IngestMount {
  const path = (program: string | undefined) => (program === undefined ? undefined : resolve(program));
  const isPrivate = table.no_directory === true || table.public === false;
  return defined({
    username: table.username,
    password: table.password,
    graceMs: optionalMs(table.grace_seconds),
    takeover: table.takeover,
    sourceTimeoutMs: optionalMs(table.source_timeout),
    djs: table.dj?.map(
      (dj): DjAccount => ({
        name: dj.name,
        hash: dj.hash ?? settledHash(dj.password ?? "", `${mount} ${dj.name}`, ingestToken),
        slots: dj.slots.map((slot) => parseSlot(slot, timeZone)),
      }),
    ),
    streamAuth: urlCall(table.source_auth),
    mountAdd: urlCall(table.notify_connect),
    mountRemove: urlCall(table.notify_disconnect),
    onConnect: path(table.on_connect),
    onDisconnect: path(table.on_disconnect),
    dumpFile: table.dump_file,
    dumpRotateBytes: table.dump_rotate_bytes,
    dumpRotateMs: optionalMs(table.dump_rotate_seconds),
    timeZone: table.archive_time_zone,
    noDirectory: isPrivate || (table.no_directory ?? table.public) !== undefined ? isPrivate : undefined,
  });
}

/** The login that stands in a URL goes before the one beside it. */
function urlCall(table: UrlCallTable | undefined): UrlCall | undefined {
  const call = withoutLogin(table?.url);
  if (!call) return undefined;
  return { ...defined({ username: table?.username, password: table?.password }), ...call };
}

export const relaySettings = ({ relay }: Pick<Station, "relay">): RelaySettings[] =>
  relay.map(({ url, mount, username, password, titles, on_demand }) => ({
    ...(defined({ username, password }) satisfies Partial<UrlCall>),
    ...(withoutLogin(url) ?? { url }),
    mount,
    titles,
    onDemand: on_demand,
  }));
