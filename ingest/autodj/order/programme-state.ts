import { z } from "zod";
import { programmeLimits } from "./limits.ts";
import { type Seed, seedFrom } from "./random.ts";

/**
 * Where a programme is, as JSON: given the same files and settings it goes on from here as if nothing had been. Ids are
 * TrackFile's. What is refused is not in it: files may change while nobody looks, and whoever refused them knows.
 */
const word = z.number().int().nonnegative().max(0xffff_ffff);

const list = z.object({
  /** Of a rotation or a jingle. */
  name: z.string(),
  /** What played last, the last one at the end, none twice: as many as the memory asks for. In random order only. */
  recent: z.array(z.string()),
  /** Where its sequence is; requests do not move it. In sequential order only. */
  last: z.string().nullable(),
  /** What came after `last` when that was last there, the next one first: where to go on when it has gone. */
  after: z.array(z.string()),
});

export const programmeStateSchema = z.object({
  format: z.literal(1),
  /** Of the draws to come: `random.ts`. */
  seed: z.tuple([word, word, word, word]),
  lists: z.array(list),
  /** Of the rotations that took part last: `weighted-turns.ts`. */
  turns: z.array(z.object({ name: z.string(), weight: z.number(), credit: z.number() })),
  jingles: z.array(
    z.object({
      name: z.string(),
      /** Tracks and requests since it came last. */
      tracks: z.number().int().nonnegative(),
      /** When it came last, or when the programme began; null before that. Unix time. */
      sinceMs: z.number().nullable(),
    }),
  ),
  /** Requests, the next one first; none twice. */
  queue: z.array(z.string()),
});
export type ProgrammeState = z.infer<typeof programmeStateSchema>;

/** The lists and jingles that there are now, with what `unknown` says of them if it is a state; else from the beginning. */
export function restoreState(
  unknown: unknown,
  now: {
    readonly random: () => number;
    readonly lists: readonly { readonly name: string; readonly memory: number }[];
    readonly jingles: readonly string[];
  },
): ProgrammeState {
  const read = programmeStateSchema.safeParse(unknown);
  const old = read.success ? read.data : null;
  const seed: Seed = old?.seed ?? seedFrom(now.random);
  return {
    format: 1,
    seed,
    lists: now.lists.map(({ name, memory }) => {
      const known = old?.lists.find((each) => each.name === name);
      const recent = known?.recent ?? [];
      return {
        name,
        recent: memory > 0 ? recent.slice(-memory) : [],
        last: known?.last ?? null,
        after: known?.after.slice(0, programmeLimits.after) ?? [],
      };
    }),
    turns: arePlausible(old?.turns ?? []) ? (old?.turns ?? []) : [],
    jingles: now.jingles.map((name) => {
      const known = old?.jingles.find((each) => each.name === name);
      return known ?? { name, tracks: 0, sinceMs: null };
    }),
    queue: [...new Set(old?.queue)].slice(0, programmeLimits.requests),
  };
}

/** Credits that no cycle reaches would keep the others waiting for as long as they are large. */
function arePlausible(turns: ProgrammeState["turns"]): boolean {
  const most = turns.reduce((sum, { weight }) => sum + Math.abs(weight), 0) * turns.length;
  return turns.every(({ credit }) => Math.abs(credit) <= most);
}
