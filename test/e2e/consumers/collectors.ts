import { SaxesParser } from "saxes";
import { expect } from "vitest";

/*
 * Readers of Icecast's statistics, each of a few lines with exactly the expectations of the program it is named after,
 * and as little forgiveness.
 */

/** Where to ask, and with which headers as administrator. */
export interface Administration {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What netdata's go.d icecast collector reads: one source is an object, several are an array; none is an error. */
export async function netdataListeners(server: Administration): Promise<Record<string, number>> {
  const { icestats } = await statusJson(server);
  const { source } = icestats;
  if (source === undefined) throw new Error("no icecast sources found");
  const counts: Record<string, number> = {};
  for (const { server_name: name, stream_start: start, listeners } of [source].flat()) {
    // Go refuses the whole document when a field is of another type.
    if (typeof name !== "string" || typeof start !== "string" || !Number.isSafeInteger(listeners))
      throw new Error(`unexpected: ${JSON.stringify(source)}`);
    counts[name] = Number(listeners);
  }
  return counts;
}

/** What Munin's icecast2_all reads: it logs in when it is asked to under Icecast's realm, and ends at an empty field. */
export async function muninSeries(server: Administration): Promise<Record<string, number>> {
  const challenge = await fetch(`${server.url}/admin/stats`);
  expect(challenge.headers.get("www-authenticate")).toBe('Basic realm="Icecast2 Server"');
  const root = await adminXml(server, "stats");
  const first = (element: Element, name: string): string => {
    const text = children(element, name)[0]?.text;
    if (!text) throw new Error(`'NoneType' object has no attribute 'nodeValue': ${name}`);
    return text;
  };
  const listed = children(root, "source").map((source): [string, number] => {
    first(source, "server_name");
    const mount = source.attributes["mount"] ?? "";
    return [mount.slice(1).replaceAll(/[-.]/g, "_"), Number(first(source, "listeners"))];
  });
  return Object.fromEntries([
    ["total", Number(first(root, "clients"))],
    ["sources", Number(first(root, "sources"))],
    ...listed,
  ]);
}

type Fields = Readonly<Record<string, unknown>>;
interface StatusJson {
  readonly icestats: { readonly source?: Fields | readonly Fields[] };
}

async function statusJson({ url }: Administration): Promise<StatusJson> {
  const reply = await fetch(`${url}/status-json.xsl`);
  expect(reply.headers.get("content-type")).toMatch(/^application\/json\b/);
  return (await reply.json()) as StatusJson;
}

/** What Telegraf's icecast input reads: `source` elements of `/admin/listmounts`, the count as an int32. */
export async function telegrafListeners(server: Administration): Promise<Record<string, number>> {
  const listed = children(await adminXml(server, "listmounts"), "source").map((source) => {
    const [count] = children(source, "listeners");
    if (!/^\d+$/.test(count?.text ?? "")) throw new Error("strconv.ParseInt: invalid syntax");
    return [source.attributes["mount"]?.replaceAll("/", "") ?? "", Number(count?.text)];
  });
  return Object.fromEntries(listed);
}

/** What AzuraCast's NowPlaying reads of `/admin/stats`, cast as SimpleXML casts: what is missing is "" or 0. */
export async function azuracastNowPlaying(server: Administration, mount: string) {
  const row = children(await adminXml(server, "stats"), "source").find(
    ({ attributes }) => attributes["mount"] === mount,
  );
  if (!row) throw new Error("Remote server has no mount points listed.");
  const cast = (name: string) => children(row, name)[0]?.text ?? "";
  const number = (name: string) => Number.parseInt(cast(name), 10) || 0;
  return {
    text: [cast("artist"), cast("title")].filter(Boolean).join(" - "),
    bitrate: Math.max(number("audio_bitrate"), number("bitrate")),
    format: cast("server_type"),
    listeners: number("listeners"),
  };
}

/** What AzuraCast's NowPlaying reads of `/admin/listclients`. */
export async function azuracastClients(server: Administration, mount: string) {
  const query = new URLSearchParams({ mount });
  const [source] = children(await adminXml(server, `listclients?${query}`), "source");
  return (source ? children(source, "listener") : []).map((listener) => {
    const cast = (name: string) => children(listener, name)[0]?.text ?? "";
    return {
      id: cast("ID"),
      ip: cast("IP"),
      userAgent: cast("UserAgent"),
      connectedSeconds: Number.parseInt(cast("Connected"), 10),
    };
  });
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}
const children = (element: Element, name: string): Element[] =>
  element.children.filter((child) => child.name === name);

/** The root of a command's reply. */
async function adminXml({ url, headers }: Administration, command: string): Promise<Element> {
  const reply = await fetch(`${url}/admin/${command}`, { headers });
  expect(reply.status).toBe(200);
  const document: Element = { name: "", attributes: {}, children: [], text: "" };
  const path = [document];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element: Element = { name, attributes, children: [], text: "" };
    path.at(-1)?.children.push(element);
    path.push(element);
  });
  parser.on("text", (text) => {
    const element = path.at(-1);
    if (element) element.text += text;
  });
  parser.on("closetag", () => path.pop());
  parser.write(await reply.text()).close();
  const [root] = document.children;
  if (root?.name !== "icestats") throw new Error(`unexpected root: ${root?.name}`);
  return root;
}
