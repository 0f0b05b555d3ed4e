import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface PlayerState {
  readonly seconds: number;
  /** Titles in the order in which they were shown. */
  readonly shown: readonly string[];
  readonly troubles: readonly string[];
  readonly interval: number;
  readonly state: string;
}

/** A page of somebody's, on a port of its own, with the player of the npm package. */
export async function playerSite(stream: string): Promise<Server> {
  const build = join(dirname(fileURLToPath(import.meta.resolve("icecast-metadata-player"))), "..", "build");
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="/${script(build)}"></script><script>
    const shown = [], troubles = [];
    const trouble = (kind) => (...told) => troubles.push(kind + ": " + told.join(" "));
    const player = new IcecastMetadataPlayer(${JSON.stringify(stream)}, {
      onMetadata: (metadata) => shown.push(metadata.StreamTitle),
      onError: trouble("error"), onWarn: trouble("warning"), onRetry: trouble("retry"), onStreamEnd: trouble("end"),
    });
    player.play().catch(trouble("play"));
    const look = () => ({ seconds: player.audioElement.currentTime, shown, troubles, interval: player.icyMetaInt, state: player.state });
  </script>`;
  const site = createServer(({ url = "/" }, response) => {
    const name = url.slice(1);
    if (/^icecast-metadata-player[\w.-]+\.js$/.test(name))
      response.setHeader("content-type", "text/javascript").end(readFileSync(join(build, name)));
    else if (url === "/") response.setHeader("content-type", "text/html").end(page);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  return site;
}

const script = (build: string): string =>
  readdirSync(build).find((name) => name.endsWith(".main.min.js")) ?? "none";
