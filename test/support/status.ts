import { encodeMountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

/** One source as /status-json.xsl tells of it. */
export type SourceStatus = Readonly<Record<string, unknown>>;

/** What /status-json.xsl tells of a mount; undefined when it is not on the air. */
export async function statusOf(
  { edgeUrl }: Pick<Stack, "edgeUrl">,
  mount: string,
): Promise<SourceStatus | undefined> {
  const response = await fetch(`${edgeUrl}/status-json.xsl`);
  const { icestats } = (await response.json()) as { icestats: { source?: SourceStatus | SourceStatus[] } };
  const ending = encodeMountPath(mount as MountPath);
  return [icestats.source ?? []].flat().find((source) => String(source["listenurl"]).endsWith(ending));
}

/** Waits until a mount is on the air with everything of `expected` told of it, and rejects with what is told instead. */
export async function waitForStatus(
  stack: Pick<Stack, "edgeUrl">,
  mount: string,
  expected: SourceStatus = {},
): Promise<SourceStatus> {
  let last: SourceStatus | undefined;
  const told = () => `${mount} to be told as ${JSON.stringify(expected)}, got ${JSON.stringify(last)}`;
  try {
    return await waitFor("", async () => {
      last = await statusOf(stack, mount);
      return last && Object.entries(expected).every(([name, value]) => last?.[name] === value) && last;
    });
  } catch (error) {
    throw new Error(`waited for ${told()}`, { cause: error });
  }
}
