import type { EdgeStation, Fallback, MountRules, StoredFile } from "../shared/edge-station.ts";
import { MountPathError, mountPath } from "../shared/mount-path.ts";
import { isPattern } from "../shared/mount-pattern.ts";
import type { JoinPoint } from "../shared/playhead.ts";
import type { StageRule } from "../shared/playout.ts";
import type { MountPath } from "../shared/units.ts";
import { fileStageOf } from "./file-stage.ts";
import { maxFallbacks } from "./limits.ts";
import { libraryMountOf } from "./library/library-mount.ts";
import { feedOf } from "./mount-feed.ts";
import { silenceStage } from "./silence-stage.ts";
import { libraryOf, rulesOf } from "./station.ts";
import type { Home, Stage } from "./stage.ts";

/** Where a listener of a mount may be, the best place first: those that take it over, the mount, what it falls back to. */
export interface Programme {
  readonly stages: readonly Stage[];
  readonly rules: readonly StageRule[];
  /** Index of the mount itself. */
  readonly first: number;
  /** The mount itself. */
  readonly home: Home;
  readonly intro: StoredFile | null;
  /** Where the stage `first` is begun, as of now; absent: as far behind live as the listener wishes. */
  readonly from?: () => JoinPoint | null;
}

type Rules = Readonly<Record<string, MountRules>>;

export function programmeOf(mount: MountPath, { mounts }: Pick<EdgeStation, "mounts">): Programme {
  const home = homeOf(mount, { mounts });
  const takers = Object.keys(mounts)
    .filter((name) => !isPattern(name))
    .flatMap(validMount)
    .filter((name) => {
      const { fallback, fallbackOverride } = rulesOf({ mounts }, name) ?? {};
      return fallbackOverride === "all" && fallback?.kind === "mount" && fallback.mount === mount;
    });
  const before = takers.map((name) => ({
    stage: homeOf(name, { mounts }) as Stage,
    rule: { returns: true, mustReturn: true },
  }));
  const chain = [...before, ...fallbackChain(mount, home, mounts)];
  return {
    stages: chain.map(({ stage }) => stage),
    rules: chain.map(({ rule }) => rule),
    first: before.length,
    home,
    intro: rulesOf({ mounts }, mount)?.intro ?? null,
  };
}

/** A mount as this isolate's listeners hear it. */
export function homeOf(mount: MountPath, station: Pick<EdgeStation, "mounts">): Home {
  const library = libraryOf(station, mount);
  return library === undefined ? feedOf(mount) : libraryMountOf(mount, library);
}

/** Settings may name what cannot be a mount. */
function validMount(name: string): MountPath[] {
  try {
    return [mountPath(name)];
  } catch (error) {
    if (error instanceof MountPathError) return [];
    throw error;
  }
}

/** Each stage once: mounts that fall back to each other are no endless chain. */
function fallbackChain(mount: MountPath, home: Stage, mounts: Rules): { stage: Stage; rule: StageRule }[] {
  const chain: { stage: Stage; rule: StageRule }[] = [];
  const seen = new Set<string>();
  let stage = home;
  let at: MountPath | null = mount;
  while (chain.length <= maxFallbacks) {
    const rules: MountRules | undefined = at === null ? undefined : rulesOf({ mounts }, at);
    if (at !== null) seen.add(at);
    chain.push({ stage, rule: { returns: rules?.fallbackOverride !== "none", mustReturn: false } });
    const fallback: Fallback | undefined = rules?.fallback;
    if (!fallback) break;
    if (fallback.kind === "mount") {
      if (seen.has(fallback.mount)) break;
      at = fallback.mount;
      stage = homeOf(fallback.mount, { mounts });
    } else {
      at = null;
      stage = fallback.kind === "file" ? fileStageOf(fallback.file) : silenceStage;
    }
  }
  return chain;
}
