/** For what waits all the time: `scheduler.wait` costs the runtime two turns of the request that waits, a timer one. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
