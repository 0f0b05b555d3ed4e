import { reachable, urlHost } from "../config/listening.ts";
import type { StackSettings } from "../config/settings.ts";

type Row = readonly [label: string, text: string];

/** What an operator needs to go on air, printed once both processes answer; `pid` is the process that takes signals. */
export function readyBlock(settings: StackSettings, pid: number): string {
  const { ingest, edge } = settings;
  const address = reachable(settings.host);
  const listen = `http://${urlHost(address)}:${settings.edgePort}`;
  const sourcePassword = settings.generatedSourcePassword ? ingest.sourcePassword : "<your source password>";
  const adminPassword = settings.generatedAdminPassword ? ingest.adminPassword : "<your admin password>";
  const rows: Row[] = [
    ...listenNow(settings, listen),
    ...byTheClock(settings, listen),
    ["Status page", `${listen}/`],
    ["Listen", `${listen}/<mount>, e.g. ${listen}/live.mp3; port ${ingest.port} serves listeners as well`],
    [
      "Source",
      `host ${address}, port ${ingest.port}, mount /live.mp3, user source, password ${sourcePassword}`,
    ],
    [
      "SHOUTcast",
      `host ${address}, port ${ingest.port} in the encoder (it sends on ${ingest.shoutcastPort}), same password`,
    ],
    ...overTls(ingest),
    ["Admin", `user ${ingest.adminUser}, password ${adminPassword}`],
    ["Data", settings.dataDir],
    ["Process", `${pid}; what its signals do: npm start -- --help`],
  ];
  if (["0.0.0.0", "::"].includes(settings.host)) {
    rows.push(["Open to", "the network: all ports, on every address of this machine"]);
  }
  const example =
    `ffmpeg -re -i music.mp3 -c:a libmp3lame -b:a 128k -content_type audio/mpeg -f mp3 ` +
    `icecast://source:${settings.generatedSourcePassword ? sourcePassword : "PASSWORD"}@${urlHost(address)}:${ingest.port}/live.mp3`;
  return [
    "",
    `  ${edge.name} is on the air`,
    "",
    ...rows.map(([label, value]) => `  ${label.padEnd(12)} ${value}`),
    "",
    `  ${example}`,
    "",
    "",
  ].join("\n");
}

/** What this host itself puts on the air, whoever else comes; undefined where that is nothing. */
export function ownMount({ ingest, music }: Pick<StackSettings, "ingest" | "music">): string | undefined {
  // Those of the command line come last.
  return ingest.autodjs.at(music === undefined ? 0 : -1)?.mount;
}

function listenNow(settings: StackSettings, listen: string): Row[] {
  const mount = ownMount(settings);
  if (mount === undefined) return [];
  const { music, demo } = settings;
  const what = demo ? " (music that comes with Skywave; --no-demo turns it off)" : "";
  return [["Listen now", `${listen}${mount}${music === undefined ? what : ` (plays ${music})`}`]];
}

const overTls = ({ tls }: StackSettings["ingest"]): readonly Row[] =>
  tls === undefined ? [] : [["TLS", `sources on port ${tls.port}, SHOUTcast on ${tls.shoutcastPort}`]];

/** Mounts that the edge computes play whoever sends, once their library is stored. */
function byTheClock({ edge }: StackSettings, listen: string): Row[] {
  return Object.entries(edge.mounts ?? {}).flatMap(([mount, { autodj }]) =>
    autodj === undefined
      ? []
      : [["By the clock", `${listen}${mount} (plays what "npm run library" stores as ${autodj.library})`]],
  );
}

/** What in the station file is not as it reads, printed before anything runs; nothing where there is nothing to say. */
export function notesBlock({ notes }: Pick<StackSettings, "notes">): string {
  if (notes.length === 0) return "";
  return ["", "  Worth knowing of the configuration:", ...notes.map((note) => `    ${note}`), "", ""].join(
    "\n",
  );
}
