import {
  liveBacklogMs,
  liveResumeMs,
  putTimeoutMs,
  queueBytes,
  queueHeldBytes,
  queueSegments,
  retryFirstMs,
  retryMaxMs,
  spoolDelayMs,
  spoolWaitMs,
} from "./limits.ts";

/** Bounds of one mount's publisher, as `limits.ts` explains them; tests have smaller ones. */
export interface PublisherLimits {
  readonly queueSegments: number;
  readonly queueBytes: number;
  readonly queueHeldBytes: number;
  readonly spoolDelayMs: number;
  readonly spoolWaitMs: number;
  readonly liveBacklogMs: number;
  readonly liveResumeMs: number;
  readonly putTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

export const defaultLimits: PublisherLimits = {
  queueSegments,
  queueBytes,
  queueHeldBytes,
  spoolDelayMs,
  spoolWaitMs,
  liveBacklogMs,
  liveResumeMs,
  putTimeoutMs,
  retryFirstMs,
  retryMaxMs,
};
