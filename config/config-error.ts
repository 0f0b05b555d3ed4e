/** The configuration cannot be used. `problems` holds every one found, each a line to show the operator. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `--help` was asked for; the message is the text to print. */
export class HelpRequest extends Error {
  constructor(text: string) {
    super(text);
    this.name = "HelpRequest";
  }
}

/**
 * Runs a loader of settings at the start of a process: prints help and exits 0, or prints every problem and exits 2.
 * Any other error is a defect and passes through.
 */
export function loadOrExit<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (error instanceof HelpRequest) {
      process.stdout.write(`${error.message}\n`);
      process.exit(0);
    }
    if (error instanceof ConfigError) {
      const count = error.problems.length;
      process.stderr.write(
        `skywave cannot start: ${count === 1 ? "one problem" : `${count} problems`} in its configuration\n` +
          error.problems.map((problem) => `  ${problem}\n`).join(""),
      );
      process.exit(2);
    }
    throw error;
  }
}
