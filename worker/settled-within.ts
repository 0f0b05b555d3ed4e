/**
 * Waits for work of another request, which may end with that request and then never settle, or reject; undefined then,
 * or when `ms` have passed.
 */
export const settledWithin = <T>(work: Promise<T>, ms: number): Promise<T | undefined> =>
  Promise.race([work, scheduler.wait(ms).then(() => undefined)]).catch(() => undefined);
