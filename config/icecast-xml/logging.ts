import { basename } from "node:path";
import { isWritableFolder, type XmlContext } from "./context.ts";
import { eachChild, flagOf, instead, numberOf, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

/** Where a file sets no size Icecast lets a log grow to a gigabyte, almost. */
const usualKilobytes = 1_000_000;
const usualAccessLog = "access.log";

/** `<logging>` and `<logdir>`. */
export class Logs {
  readonly #context: XmlContext;
  #folder: XmlElement | undefined;
  #access: { readonly name: string | undefined; readonly element: XmlElement } | undefined;

  constructor(context: XmlContext) {
    this.#context = context;
  }

  readonly readFolder = (element: XmlElement): void => {
    if (textOf(element) !== undefined) this.#folder = element;
  };

  read(logging: XmlElement): void {
    const { draft } = this.#context;
    eachChild(
      logging,
      {
        accesslog: (element) => {
          const name = this.#nameOf(element);
          if (name !== undefined || textOf(element) === "-") this.#access = { name, element };
        },
        playlistlog: (element) => {
          const name = this.#nameOf(element);
          if (name !== undefined) draft.set(["logs", "playlist"], name, element);
        },
        errorlog: instead(draft, "not written: the log goes to standard output"),
        logsize: (element) => {
          const kilobytes = numberOf(element, draft);
          if (kilobytes !== undefined && kilobytes > 0)
            draft.set(["logs", "max_kilobytes"], kilobytes, element);
        },
        logarchive: (element) => {
          if (flagOf(element, draft) === true) draft.set(["logs", "archive"], true, element);
        },
        loglevel: (element) => {
          const text = textOf(element)?.toLowerCase() ?? "";
          const wanted = {
            4: "debug",
            debug: "debug",
            2: "warn",
            warning: "warn",
            warn: "warn",
            1: "error",
            error: "error",
          }[text];
          if (wanted !== undefined)
            draft.note(element, `set SKYWAVE_LOG_LEVEL=${wanted} in the environment for that`);
          else if (!["3", "info", "information"].includes(text))
            draft.problem(element, "must be a number from 1 to 4");
        },
        memorybacklog: instead(draft, "has no effect"),
        playlistlog_size: instead(draft, "has no effect"),
      },
      draft,
    );
  }

  /** After all sections. */
  finish(root: XmlElement): void {
    const { draft, resolve } = this.#context;
    const access = this.#access ?? { name: usualAccessLog, element: root };
    if (access.name !== undefined) draft.set(["logs", "access"], access.name, access.element);
    if (draft.get(["logs", "max_kilobytes"]) === undefined)
      draft.set(["logs", "max_kilobytes"], usualKilobytes, root);
    const path = this.#folder && textOf(this.#folder);
    if (!this.#folder || path === undefined) return;
    const folder = resolve(path);
    if (isWritableFolder(folder)) draft.set(["logs", "folder"], folder, this.#folder);
    else draft.note(this.#folder, `logs go to the data folder: ${folder} cannot be written`);
  }

  #nameOf(element: XmlElement): string | undefined {
    const { draft } = this.#context;
    // KH has the name in an element of its own.
    const named = element.children.find(({ name }) => name === "name");
    for (const child of element.children) if (child !== named) draft.note(child, "has no effect");
    const name = textOf(named ?? element);
    if (name === "-") {
      draft.note(element, "not written: only files are");
      return undefined;
    }
    if (name === undefined) return undefined;
    if (basename(name) !== name) draft.note(element, `written to ${basename(name)} in the folder of logs`);
    return basename(name);
  }
}
