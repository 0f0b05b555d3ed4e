import { mostMemory } from "../../../config/station-autodj.ts";

/** What a programme keeps is small, whatever it plays: its state is written each time a track begins. */
export const programmeLimits = {
  /** Files that a rotation remembers: as many as a station file may ask for. */
  memory: mostMemory,
  /** Files after the last one of a sequence that are known should it go away: more than an album that goes as a whole, some 10 kB of paths. */
  after: 100,
  /** Other jingles before one comes again: enough not to sound stuck, few enough that their order stays open. */
  jingleMemory: 3,
  /** Requests that wait: about six hours of songs. One more is turned away, for nobody waits as long as that. */
  requests: 100,
  /** Picks that are told in advance; each costs as much as one that is played. */
  peek: 100,
} as const;
