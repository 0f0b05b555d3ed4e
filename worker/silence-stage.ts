import { Bell } from "./sleepers.ts";
import type { Stage } from "./stage.ts";

/** Nothing to hear, for ever: the last resort of a mount that must never hang up. */
export const silenceStage: Stage = {
  name: "silence",
  isCertain: true,
  phase: "live",
  window: [],
  edgeAgeMs: 0,
  silentMs: 0,
  patienceMs: Number.POSITIVE_INFINITY,
  titleBefore: null,
  refresh: () => Promise.resolve(),
  bell: new Bell(),
  attend: () => Number.POSITIVE_INFINITY,
  segment: () => Promise.resolve(null),
};
