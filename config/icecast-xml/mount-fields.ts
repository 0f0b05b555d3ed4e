import { join, resolve } from "node:path";
import type { z } from "zod";
import { mountProblem } from "../station-checks.ts";
import { archiveName, dumpFile } from "../station-fields.ts";
import { isReadableFile, type XmlContext } from "./context.ts";
import { eachChild, flagOf, type Handlers, instead, numberOf, passwordOf, textOf } from "./draft.ts";
import { type HeaderTable, readHeaders } from "./http-headers.ts";
import { readMountAuthentication } from "./mount-authentication.ts";
import { readBurst } from "./station-limits.ts";
import type { XmlElement } from "./xml-tree.ts";

/** What one `<mount>` says, with the names of a station file. */
export class MountFields {
  readonly element: XmlElement;
  readonly #name: string;
  readonly #context: XmlContext;
  readonly #fields = new Map<string, { readonly value: unknown; readonly origin: XmlElement }>();

  constructor(element: XmlElement, name: string, context: XmlContext) {
    this.element = element;
    this.#name = name;
    this.#context = context;
    const { draft } = context;
    eachChild(
      element,
      {
        "mount-name": () => undefined,
        ...this.#sourceHandlers(),
        ...this.#listenerHandlers(),
        ...this.#infoHandlers(),
        ...Object.fromEntries(
          Object.entries(withoutEffect).map(([key, text]) => [key, instead(draft, text)]),
        ),
      },
      draft,
    );
  }

  get hasFallback(): boolean {
    return this.has("fallback_mount") || this.has("fallback_file");
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  set(key: string, value: unknown, origin: XmlElement = this.element): void {
    if (value === undefined) return;
    this.#fields.set(key, { value, origin });
  }

  get headers(): readonly HeaderTable[] {
    return (this.#fields.get("header")?.value ?? []) as readonly HeaderTable[];
  }

  /** Where it has none it gets them from the pattern. */
  addHeaders(others: readonly HeaderTable[]): void {
    if (others.length > 0 && this.headers.length > 0) this.set("header", [...this.headers, ...others]);
  }

  write(): void {
    const { draft } = this.#context;
    // A table without settings is still a mount of its own.
    if (draft.get(["mounts", this.#name]) === undefined) draft.set(["mounts", this.#name], {}, this.element);
    for (const [key, { value, origin }] of this.#fields)
      draft.set(["mounts", this.#name, key], value, origin);
  }

  #sourceHandlers(): Handlers {
    const { draft, resolve: absolute } = this.#context;
    const program = (key: string) => (element: XmlElement) => {
      const path = textOf(element);
      if (path === undefined) return;
      this.set(key, absolute(path), element);
      if (!isReadableFile(absolute(path)))
        draft.note(element, `${absolute(path)} cannot be read, so it cannot be run`);
    };
    return {
      username: (element) => this.set("username", textOf(element), element),
      password: (element) => this.set("password", passwordOf(element), element),
      "source-timeout": this.#positive("source_timeout"),
      "linger-for": this.#number("grace_seconds"),
      "dump-file": (element) => this.#readDump(element),
      "dump-file-size-limit": this.#number("dump_rotate_bytes"),
      "dump-file-time-limit": this.#number("dump_rotate_seconds"),
      hijack: (element) => {
        const hijack = flagOf(element, draft);
        if (hijack !== undefined) this.set("takeover", hijack ? "always" : "never", element);
      },
      "on-connect": program("on_connect"),
      "on-disconnect": program("on_disconnect"),
      authentication: (element) => {
        for (const [key, value] of Object.entries(readMountAuthentication(element, this.#context)))
          this.set(key, value, element);
      },
    };
  }

  #listenerHandlers(): Handlers {
    const { draft } = this.#context;
    const fallback = (element: XmlElement) => this.#readFallback(element);
    return {
      intro: (element) => this.#readIntro(element),
      "fallback-mount": fallback,
      fallback,
      "fallback-override": (element) => {
        const text = textOf(element)?.toLowerCase() ?? "";
        if (["none", "own", "all"].includes(text)) return this.set("fallback_override", text, element);
        const override = flagOf(element, draft);
        if (override !== undefined) this.set("fallback_override", override ? "all" : "none", element);
      },
      "fallback-when-full": this.#flag("fallback_when_full"),
      "max-listeners": this.#number("max_listeners"),
      "max-listener-duration": this.#positive("max_listener_seconds"),
      "burst-size": (element) =>
        readBurst(element, draft, (burst) => {
          this.#fields.delete("burst_bytes");
          this.#fields.delete("burst_seconds");
          if (burst === 0) this.set("burst_seconds", 0, element);
          else if (typeof burst === "number") this.set("burst_bytes", burst, element);
          else this.set("burst_seconds", burst.seconds, element);
        }),
      "mp3-metadata-interval": this.#number("metaint"),
      "icy-metadata-interval": this.#number("metaint"),
      "metadata-interval": this.#number("metaint"),
      charset: (element) => this.set("charset", textOf(element), element),
      "no-mount": this.#flag("no_mount"),
      "allow-direct-access": (element) => {
        const allowed = flagOf(element, draft);
        if (allowed !== undefined) this.set("no_mount", !allowed, element);
      },
      hidden: this.#flag("hidden"),
      "http-headers": (element) => {
        const found = readHeaders(element, this.#context).map(({ header }) => header);
        if (found.length > 0) this.set("header", [...this.headers, ...found], element);
      },
    };
  }

  #infoHandlers(): Handlers {
    const { draft } = this.#context;
    const info = (key: string) => (element: XmlElement) => this.set(key, textOf(element), element);
    return {
      public: (element) => {
        const value = numberOf(element, draft);
        if (value !== undefined && value >= 0) this.set("public", value !== 0, element);
      },
      "no-yp": (element) => {
        if (flagOf(element, draft) === true) this.set("public", false, element);
      },
      "stream-name": info("stream_name"),
      "stream-description": info("stream_description"),
      "stream-url": info("stream_url"),
      genre: info("genre"),
      bitrate: info("bitrate"),
      subtype: info("subtype"),
    };
  }

  /** Also the name of what is kept in storage, where it is one for MP3. */
  #readDump(element: XmlElement): void {
    const pattern = textOf(element);
    if (pattern === undefined) return;
    const problem = problemOf(dumpFile(), pattern);
    if (problem !== undefined) return this.#context.draft.note(element, `no dump: ${problem}`);
    this.set("dump_file", pattern, element);
    const name = pattern.slice(pattern.lastIndexOf("/") + 1);
    if (name.endsWith(".mp3") && problemOf(archiveName(), name) === undefined)
      this.set("archive_name", name, element);
  }

  /** A negative number says nothing, as in Icecast. */
  #number(key: string) {
    return (element: XmlElement): void => {
      const value = numberOf(element, this.#context.draft);
      if (value !== undefined && value >= 0) this.set(key, value, element);
    };
  }

  /** 0 says nothing either. */
  #positive(key: string) {
    return (element: XmlElement): void => {
      const value = numberOf(element, this.#context.draft);
      if (value !== undefined && value > 0) this.set(key, value, element);
    };
  }

  #flag(key: string) {
    return (element: XmlElement): void => this.set(key, flagOf(element, this.#context.draft), element);
  }

  /** Another mount, or a file of the web root, which Icecast broadcasts under its name as long as there is no source. */
  #readFallback(element: XmlElement): void {
    const { draft } = this.#context;
    const name = textOf(element);
    if (name === undefined) return;
    const problem = name === this.#name ? "a mount cannot fall back to itself" : mountProblem(name);
    if (problem !== undefined) return draft.note(element, `no fallback: ${problem}`);
    const file = this.#inWebroot(name);
    const [key, value] = file === undefined ? ["fallback_mount", name] : ["fallback_file", file];
    this.#fields.delete(file === undefined ? "fallback_file" : "fallback_mount");
    this.set(key, value, element);
  }

  #readIntro(element: XmlElement): void {
    const { draft, webroot } = this.#context;
    const path = textOf(element);
    if (path === undefined) return;
    const file = this.#inWebroot(path);
    if (file !== undefined) return this.set("intro", file, element);
    const where =
      webroot === undefined
        ? "there is no <webroot>, where it would lie"
        : `${join(webroot, path)} cannot be read`;
    draft.note(element, `no intro: ${where}`);
  }

  /** The absolute path of a file there; undefined when there is none. */
  #inWebroot(path: string): string | undefined {
    const { webroot } = this.#context;
    if (webroot === undefined) return undefined;
    const file = resolve(join(webroot, path));
    return isReadableFile(file) ? file : undefined;
  }
}

const problemOf = (field: z.ZodType, value: unknown): string | undefined =>
  field.safeParse(value).error?.issues[0]?.message;

const withoutEffect: Readonly<Record<string, string>> = {
  "queue-size": "no limit in bytes: a listener may fall a minute behind, then joins anew near live",
  "min-queue-size": "has no effect",
  "cluster-password": "not told to directories",
  type: "the content type is what the source sends",
  "max-history": "has no effect",
  "event-bindings": "events of Icecast 2.5 are not read: use [[webhook]] of a station file",
  relay: "put it into the root, with its <local-mount>",
  "wait-time": "a mount is free as soon as its source has gone",
  "limit-rate": "a source that sends faster than its audio plays is slowed down",
  "max-bandwidth": "bandwidth is not limited",
  "max-stream-duration": "a source may stay as long as it likes",
  "max-send-size": "has no effect",
  "skip-accesslog": "its listeners are in the access log",
  accesslog: "its listeners are in the station's access log",
  "file-seekable": "has no effect",
  "filter-theora": "has no effect",
  "ogg-passthrough": "has no effect",
  "allow-chunked": "chunked sources are always taken",
  admin_comments_only: "has no effect",
  "allow-url-ogg-metadata": "has no effect",
  "ban-client": "nobody is banned by it",
  "intro-skip-replay": "who comes again within a minute does not hear the intro again",
  "preroll-log": "not written",
  "so-sndbuf": "the system chooses the buffers of sockets",
  redirect: "listeners are not sent to other servers",
  "redirect-to": "listeners are not sent to other servers",
  listenurl: "the address is the one that a listener came by",
  priority: "has no effect",
};
