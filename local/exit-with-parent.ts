import { ingestStopMs } from "./limits.ts";

/**
 * Loaded before the program of a supervised process (`node --import`): when the supervisor has gone, even killed,
 * the process ends as if it had been told to.
 */
process.channel?.unref();
process.once("disconnect", () => {
  // Nobody reads what is printed from here on.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  setTimeout(() => process.exit(1), ingestStopMs).unref();
  if (!process.emit("SIGTERM", "SIGTERM")) process.exit(0);
});
