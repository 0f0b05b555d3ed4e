import { listenersHere } from "./seat-desk.ts";
import { SteadyClock } from "./steady-clock.ts";

/** This isolate's time. Whoever listens reads it at every wait, and those who keep watch (sleepers.ts) more often. */
export const clock = new SteadyClock(() => listenersHere() > 0);
