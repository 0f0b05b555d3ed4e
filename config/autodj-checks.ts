import { isPattern } from "../shared/mount-pattern.ts";
import type { Station } from "./station.ts";
import type { Problem } from "./station-checks.ts";
import { type AutoDjTable, autodjTable, highestBitrate, parseFormat } from "./station-autodj.ts";
import type { Path } from "./toml-document.ts";
import { valueAt } from "./values.ts";

/** What an AutoDJ that the edge computes may say of itself: the rest was decided when its library was stored. */
const edgeKeys = ["mount", "kind", "library", "name", "description", "genre", "url", "public"];
/** Of the one rotation that `music` stands for. */
const shorthandKeys = ["order", "memory"];

/** What cannot stand together in an `[[autodj]]`, by what the file says and not by defaults. */
export function autodjDocumentProblems(document: unknown): Problem[] {
  const tables = valueAt(document, ["autodj"]);
  const count = Array.isArray(tables) ? tables.length : 0;
  return Array.from({ length: count }, (_, index) => tableProblems(document, ["autodj", index])).flat();
}

function tableProblems(document: unknown, path: Path): Problem[] {
  const said = (key: string) => valueAt(document, [...path, key]);
  const given = Object.keys(autodjTable.shape).filter((key) => said(key) !== undefined);
  const problem = (key: string, text: string): Problem => ({ path: [...path, key], text, quote: false });
  if (said("kind") === "edge") {
    const missing = said("library") === undefined ? [problem("library", nameOfLibrary)] : [];
    const others = given.filter((key) => !edgeKeys.includes(key));
    return [...missing, ...others.map((key) => problem(key, 'cannot go with kind "edge"'))];
  }
  const rotations = said("rotation");
  const hasRotations = Array.isArray(rotations) && rotations.length > 0;
  return given.flatMap((key) => {
    if (key === "library") return [problem(key, 'goes with kind "edge" only')];
    if (!hasRotations) return [];
    if (key === "music") return [problem(key, "cannot go with rotation: one of them")];
    return shorthandKeys.includes(key) ? [problem(key, "belongs to each rotation")] : [];
  });
}

const nameOfLibrary =
  'must be given with kind "edge": the name that "npm run library -- upload" stored it under';

/** What cannot be said of one setting alone. */
export function autodjProblems({ autodj: tables, relay }: Pick<Station, "autodj" | "relay">): Problem[] {
  const relayed = new Set(relay.map(({ mount }) => mount));
  const taken = new Set<string>();
  return tables.flatMap((table, index) => {
    const path: Path = ["autodj", index];
    const problems = [...musicProblems(table, path), ...bitrateProblems(table, path)];
    const mount = (text: string) => problems.push({ path: [...path, "mount"], text, quote: true });
    if (isPattern(table.mount)) mount("must be one mount and no pattern");
    if (taken.has(table.mount)) mount("is the mount of another AutoDJ");
    if (relayed.has(table.mount)) mount("is the mount of a relay");
    taken.add(table.mount);
    return problems;
  });
}

function musicProblems({ kind, music, rotation }: AutoDjTable, path: Path): Problem[] {
  if (kind === "ingest" && music === undefined && rotation.length === 0)
    return [{ path, text: "needs music or a rotation", quote: false }];
  const names = new Set<string>();
  return rotation.flatMap(({ name = `rotation ${names.size + 1}` }, index): Problem[] => {
    const isTaken = names.has(name);
    names.add(name);
    return isTaken
      ? [{ path: [...path, "rotation", index, "name"], text: "is the name of another rotation", quote: true }]
      : [];
  });
}

function bitrateProblems({ format = "", bitrate_kbps }: AutoDjTable, path: Path): Problem[] {
  const { sampleRate } = parseFormat(format) ?? { sampleRate: 48_000 };
  const highest = highestBitrate(sampleRate);
  if (bitrate_kbps <= highest) return [];
  const text = `must be at most ${highest} with a format of ${sampleRate} Hz, is ${bitrate_kbps}`;
  return [{ path: [...path, "bitrate_kbps"], text, quote: false }];
}
