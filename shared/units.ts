/**
 * Branded units: values that look alike and must not be confused. A brand costs nothing at run time.
 * Arithmetic yields plain numbers; brand the result where it enters a contract.
 */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Milliseconds, either a duration or a wall-clock time since the Unix epoch (the name of the field says which). */
export type Millis = Branded<number, "Millis">;
/** PCM samples per channel. */
export type SampleCount = Branded<number, "SampleCount">;
/** A mount's path with its leading slash, decoded and valid: see `mount-path.ts`. */
export type MountPath = Branded<string, "MountPath">;
/** Raised by one each time a source takes the mount; orders and fences. The first is 1. */
export type Epoch = Branded<number, "Epoch">;
/** Position of a segment within its epoch. The first is 0. */
export type Sequence = Branded<number, "Sequence">;

export const millis = (value: number): Millis => value as Millis;
export const sampleCount = (value: number): SampleCount => value as SampleCount;
export const epoch = (value: number): Epoch => value as Epoch;
export const sequence = (value: number): Sequence => value as Sequence;
