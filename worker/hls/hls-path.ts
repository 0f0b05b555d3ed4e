import { parseMountPath } from "../../shared/mount-path.ts";
import { epoch, type Epoch, type MountPath, type Sequence, sequence } from "../../shared/units.ts";

/** What an address of HLS asks for. */
export type HlsPath = { readonly mount: MountPath } & (
  | { readonly kind: "master" }
  | { readonly kind: "media" }
  /** Segments of the mount; `isPrimed`: with what its first frame needs of those before. */
  | {
      readonly kind: "segments";
      readonly epoch: Epoch;
      readonly first: Sequence;
      readonly last: Sequence;
      readonly isPrimed: boolean;
    }
  /** An entry of the timeline that is not the mount's own. */
  | { readonly kind: "entry"; readonly number: number }
);

/** The path of a request, still encoded; null for everything else. Throws MountPathError where the mount cannot be one. */
export function parseHlsPath(pathname: string): HlsPath | null {
  const master = /^(\/.+)\.m3u8$/.exec(pathname);
  const [, base = "", name = ""] = /^(\/.+)\/hls\/([^/]+)$/.exec(pathname) ?? [];
  if (name === "index.m3u8") return { kind: "media", mount: parseMountPath(base) };
  if (master?.[1] !== undefined) return { kind: "master", mount: parseMountPath(master[1]) };
  const entry = /^e(\d{1,15})\.mp3$/.exec(name);
  if (entry) return { kind: "entry", mount: parseMountPath(base), number: Number(entry[1]) };
  const segments = /^(\d{1,10})-(\d{1,10})(?:-(\d{1,10}))?(p?)\.mp3$/.exec(name);
  if (!segments) return null;
  const [, at, first = "", last = first, primed] = segments;
  return {
    kind: "segments",
    mount: parseMountPath(base),
    epoch: epoch(Number(at)),
    first: sequence(Number(first)),
    last: sequence(Number(last)),
    isPrimed: primed === "p",
  };
}

/** Names are those of a playlist in the same folder. */
export const segmentsName = (
  { epoch: at, first, last }: { readonly epoch: Epoch; readonly first: Sequence; readonly last: Sequence },
  isPrimed: boolean,
): string => `${at}-${first}${last === first ? "" : `-${last}`}${isPrimed ? "p" : ""}.mp3`;

export const entryName = (number: number): string => `e${number}.mp3`;
