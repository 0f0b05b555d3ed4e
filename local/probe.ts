import { healthTimeoutMs } from "./limits.ts";

/**
 * What a look at a process showed. "ready": it answers 200. "alive": something else, be it a connection that it closed
 * unheard, which a process under a flood of connections does. "none": nobody listens, or nothing came in time.
 */
export type LifeSign = "ready" | "alive" | "none";

export async function probe(healthUrl: string): Promise<LifeSign> {
  try {
    const response = await fetch(healthUrl, { signal: AbortSignal.timeout(healthTimeoutMs) });
    await response.arrayBuffer();
    return response.status === 200 ? "ready" : "alive";
  } catch (error) {
    if (!(error instanceof Error) || error.name === "TimeoutError") return "none";
    return codeOf(error.cause) === "ECONNREFUSED" ? "none" : "alive";
  }
}

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
