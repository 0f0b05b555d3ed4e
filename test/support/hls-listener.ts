import { concatenate } from "../../shared/concatenate.ts";
import { ensureUpdate, type ReadPlaylist, readMaster, readMedia, type ReadSegment } from "./hls-playlist.ts";
import { waitFor } from "./wait.ts";

/** A segment as a player has it once it has taken off the tag. */
export interface HeardSegment extends ReadSegment {
  /** 90 kHz, of its first sample. */
  readonly timestamp: number;
  readonly tag: string;
  readonly frames: Uint8Array;
}

/** A player that does everything by the book and remembers it. */
export interface HlsListening {
  readonly playlist: ReadPlaylist;
  /** Of the media playlist. */
  readonly url: string;
  readonly heard: readonly HeardSegment[];
  /** Reads the playlist once more and the segments that are new. */
  read(): Promise<void>;
  /** ...until a segment of a kind has been heard. */
  readUntil(what: string, is: (segment: HeardSegment) => boolean, timeoutMs?: number): Promise<HeardSegment>;
}

export async function listenToHls(url: string, headers: Record<string, string> = {}): Promise<HlsListening> {
  const reply = await fetch(url, { headers });
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${reply.status} ${text}`);
  const media = new URL(readMaster(text).uri, reply.url).href;
  const heard: HeardSegment[] = [];
  let playlist = await readPlaylist(media);
  const readSegments = async (): Promise<void> => {
    for (const segment of playlist.segments) {
      if (segment.number <= (heard.at(-1)?.number ?? -1)) continue;
      const found = await fetch(new URL(segment.uri, media));
      if (found.status !== 200) throw new Error(`${found.status} for ${segment.uri}`);
      heard.push({ ...segment, ...unpacked(new Uint8Array(await found.arrayBuffer())) });
    }
  };
  await readSegments();
  const listening = {
    url: media,
    heard,
    get playlist() {
      return playlist;
    },
    async read() {
      const next = await readPlaylist(media);
      ensureUpdate(playlist, next);
      playlist = next;
      await readSegments();
    },
    readUntil: (what: string, is: (segment: HeardSegment) => boolean, timeoutMs = 20_000) =>
      waitFor(
        what,
        async () => {
          await listening.read();
          return heard.find(is);
        },
        timeoutMs,
      ),
  };
  return listening;
}

async function readPlaylist(url: string): Promise<ReadPlaylist> {
  const reply = await fetch(url);
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${reply.status} ${text}`);
  return readMedia(text);
}

/** Takes off the one tag before the frames. */
function unpacked(bytes: Uint8Array): Pick<HeardSegment, "timestamp" | "tag" | "frames"> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.toString("latin1", 0, 4) !== "ID3\x04") throw new Error("a segment begins with its tag");
  const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + view.readUInt8(at), 0) + 10;
  const owner = "com.apple.streaming.transportStreamTimestamp\0";
  const at = view.indexOf(owner, 0, "latin1") + owner.length;
  return {
    timestamp: Number(view.readBigUInt64BE(at)),
    tag: view.toString("utf8", 10, size),
    frames: bytes.subarray(size),
  };
}

/** All frames one after the other. */
export const framesHeard = (segments: readonly HeardSegment[]): Uint8Array =>
  concatenate(segments.map(({ frames }) => frames));
