/**
 * Age of a `Date.now()` of this isolate, ms. Never negative, whatever happens to the clock: one that was put back makes
 * everything overdue, where the plain difference would keep it fresh until that time comes again.
 */
export function msSince(ms: number): number {
  const age = Date.now() - ms;
  return age < 0 ? Number.POSITIVE_INFINITY : age;
}
