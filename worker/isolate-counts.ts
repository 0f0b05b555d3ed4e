/**
 * What this isolate has asked of others on behalf of its listeners since it began, for `/health`. Each is a subrequest of
 * the platform, and all but those of the cache cost money.
 */
export const isolateAsked = {
  /** Objects got from the bucket, each try. */
  bucketReads: 0,
  /** Questions to mount objects: what is new. */
  mountCalls: 0,
  directoryCalls: 0,
  /** Seats asked for and told of, at mounts and at the directory. */
  seatCalls: 0,
  /** Reports of who joined and left, to rosters. */
  rosterCalls: 0,
  /** Of the data centre's cache. */
  cacheReads: 0,
  cacheHits: 0,
  cacheWrites: 0,
};
