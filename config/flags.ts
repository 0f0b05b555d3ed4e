import { parseArgs } from "node:util";
import { HelpRequest } from "./config-error.ts";
import { nearest } from "./nearest.ts";

/** What the command line says; undefined where it says nothing. Paths are as typed. */
export interface Flags {
  readonly config?: string;
  readonly data?: string;
  readonly host?: string;
  readonly edgePort?: number;
  readonly ingestPort?: number;
  /** A folder or a list to play. */
  readonly music?: string;
  /** Whether the programme that comes with Skywave is to play where there is nothing else; false after `--no-demo`. */
  readonly demo: boolean;
}

const help = `Usage: npm start -- [options]        the whole station
       npm run ingest -- [options]   the source side alone

  --config FILE       station file: a station.toml, or an icecast.xml as it is (default: station.toml, if there is one)
  --music DIR         folder of MP3s, or a .m3u or .pls list, that plays on /autodj.mp3 in random order
  --no-demo           nothing plays on /demo.mp3, as it does where there is neither a station file nor --music
  --data DIR          folder for everything that is kept (default: .skywave)
  --edge-port N       port for listeners (default: 8787)
  --ingest-port N     port for sources (default: 8000); N + 1 takes SHOUTcast sources
  --host ADDR         address to listen on (default: the station file's, else 127.0.0.1; 0.0.0.0 opens the station to the
                      network, and so does an icecast.xml without <bind-address>)
  --help              this text

Environment: SKYWAVE_SOURCE_PASSWORD and SKYWAVE_ADMIN_PASSWORD come before the station file. An ingest that serves
another edge takes SKYWAVE_EDGE_URL, SKYWAVE_INGEST_TOKEN, SKYWAVE_S3_URL, SKYWAVE_S3_ACCESS_KEY_ID and
SKYWAVE_S3_SECRET_ACCESS_KEY. Only an ingest with a station file tells the edge of the station; a spare one needs none.

npm run config -- check FILE looks at a station file, npm run config -- convert icecast.xml makes a station.toml of one.

Signals: SIGHUP reads the station file again, without anybody losing the connection; a file with mistakes is reported and
changes nothing (npm start in a terminal stops instead). SIGUSR2 makes npm start begin its ingest anew with the code as
it is now: listeners stay, sources reconnect. SIGTERM stops and stores what is open.`;

const names = ["config", "music", "data", "host", "edge-port", "ingest-port"];
const noDemo = "no-demo";

/** Reads the command line; problems are added to `problems`. Throws HelpRequest for `--help`. */
export function parseFlags(argv: readonly string[], problems: string[]): Flags {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
      [noDemo]: { type: "boolean" },
    },
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string>();
  let demo = true;
  for (const token of tokens) {
    if (token.kind === "positional") problems.push(`unexpected argument ${JSON.stringify(token.value)}`);
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.name === "h") throw new HelpRequest(help);
    if (token.name === noDemo) {
      demo = false;
      if (token.value !== undefined) problems.push(`${token.rawName} takes no value`);
    } else if (!names.includes(token.name)) {
      const meant = nearest(token.name, [...names, noDemo]);
      problems.push(
        `${token.rawName} is not a known flag${meant === undefined ? "" : `; did you mean --${meant}?`}`,
      );
    } else if (token.value === undefined || token.value === "")
      problems.push(`${token.rawName} needs a value`);
    else given.set(token.name, token.value);
  }
  const edgePort = portFlag("edge-port", given, problems);
  const ingestPort = portFlag("ingest-port", given, problems);
  const [config, data, host, music] = ["config", "data", "host", "music"].map((name) => given.get(name));
  return {
    ...(config === undefined ? {} : { config }),
    ...(data === undefined ? {} : { data }),
    ...(host === undefined ? {} : { host }),
    ...(edgePort === undefined ? {} : { edgePort }),
    ...(ingestPort === undefined ? {} : { ingestPort }),
    ...(music === undefined ? {} : { music }),
    demo,
  };
}

/** 0 takes any free port, for an ingest alone. The highest is left out: its neighbour above would be the SHOUTcast port. */
function portFlag(name: string, given: ReadonlyMap<string, string>, problems: string[]): number | undefined {
  const typed = given.get(name);
  if (typed === undefined) return undefined;
  const port = Number(typed);
  if (/^\d{1,5}$/.test(typed) && port <= 65_534) return port;
  problems.push(`--${name} must be a port from 1 to 65534, got ${JSON.stringify(typed)}`);
  return undefined;
}
