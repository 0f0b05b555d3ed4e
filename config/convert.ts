import type { IcecastXml } from "./icecast-xml/read-icecast-xml.ts";
import { writeToml } from "./toml-writer.ts";

/** The station file with the settings of an icecast.xml; `file` is what it was read from. */
export function convertIcecastXml({ input }: Pick<IcecastXml, "input">, file: string): string {
  const ordered = Object.fromEntries(
    sections.filter((name) => Object.hasOwn(input, name)).map((name) => [name, input[name]]),
  );
  const body = writeToml(ordered, (path) => comments[path.join(".")]);
  return `# The settings of ${oneLine(file)}; examples/station.toml says what else there is.
# Passwords can come from the environment: password = "\${SOURCE_PASSWORD}".

${body}`;
}

const oneLine = (text: string): string => text.replace(/\p{Cc}/gu, " ");

/** In the order of the example. */
const sections = [
  "station",
  "sources",
  "admin",
  "limits",
  "icy",
  "ingest",
  "edge",
  "web",
  "logs",
  "bans",
  "signed_urls",
  "master",
  "user",
  "header",
  "alias",
  "relay",
  "directory",
  "webhook",
  "mounts",
];

const comments: Readonly<Record<string, string>> = {
  limits: "max_listeners_in_all is Icecast's <clients>; times in seconds",
  ingest: "Sources and listeners share the port; SHOUTcast sources use the one above it",
  logs: "The log of the server itself goes to standard output",
  user: "A server that relays this one",
  directory: "Mounts are listed here unless they or their sources say otherwise",
  mounts: "Titles go out in UTF-8 where no charset is named; Icecast sends ISO-8859-1",
  "mounts./**": "Every mount, before what its own table says",
};
