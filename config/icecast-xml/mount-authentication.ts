import type { XmlContext } from "./context.ts";
import { attribute, type Draft } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

type Table = Record<string, unknown>;

/** What `<authentication>` of a mount says: who may listen, and what is asked and told about its sources. */
export interface MountAuthentication {
  readonly listener_auth?: Table;
  readonly source_auth?: Table;
  readonly notify_connect?: Table;
  readonly notify_disconnect?: Table;
}

/** Nobody may listen: a way in that is not understood must not become an open door. */
const closed: MountAuthentication = { listener_auth: { type: "htpasswd" } };

export function readMountAuthentication(
  authentication: XmlElement,
  context: XmlContext,
): MountAuthentication {
  const { draft } = context;
  const roles = authentication.children.filter(({ name }) => name === "role");
  if (roles.length === 0) return readOne(authentication, context);
  // 2.5: those who match none of several roles are refused, and the last one is often "anonymous" to say so.
  const known = roles.find((role) => ["htpasswd", "url"].includes(attribute(role, "type") ?? ""));
  for (const role of roles) {
    if (role !== known) draft.note(role, "not read: of the roles of a mount the first htpasswd or url is");
  }
  return known ? readOne(known, context) : refuse(authentication, "of no type that is known", draft);
}

function readOne(element: XmlElement, context: XmlContext): MountAuthentication {
  const type = attribute(element, "type");
  if (type === "htpasswd") return htpasswd(element, context);
  if (type === "url") return url(element, context);
  return refuse(
    element,
    type === undefined ? "without a type" : `type ${JSON.stringify(type)} is not known`,
    context.draft,
  );
}

function refuse(element: XmlElement, why: string, draft: Draft): MountAuthentication {
  draft.note(element, `${why}: nobody may listen to this mount`);
  return closed;
}

function htpasswd(element: XmlElement, { draft, resolve }: XmlContext): MountAuthentication {
  const options = optionsOf(element, draft);
  const table: Table = { type: "htpasswd" };
  const file = options.take("filename");
  if (file === undefined) draft.note(element, "without a filename: nobody may listen until users are added");
  else table["file"] = resolve(file);
  const duplicates = options.take("allow_duplicate_users") ?? options.take("allow-duplicate-users");
  if (duplicates !== undefined) table["allow_duplicate_users"] = isTrue(duplicates);
  options.noteOthers();
  return { listener_auth: table };
}

function url(element: XmlElement, { draft }: XmlContext): MountAuthentication {
  const options = optionsOf(element, draft);
  const login = { username: options.take("username"), password: options.take("password") };
  const listenerAdd = options.take("listener_add") ?? options.take("client_add");
  const listenerRemove = options.take("listener_remove") ?? options.take("client_remove");
  const headers = options
    .take("headers")
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const listener: Table = {
    listener_add: listenerAdd,
    listener_remove: listenerRemove,
    ...login,
    accept_header: options.take("auth_header")?.trim(),
    timelimit_header: options.take("timelimit_header")?.trim().replace(/:$/, ""),
    headers: headers?.length ? headers : undefined,
    header_prefix: options.take("header_prefix"),
  };
  const call = (target: string | undefined) =>
    target === undefined ? undefined : defined({ url: target, ...login });
  const calls = {
    source_auth: call(options.take("stream_auth")),
    notify_connect: call(options.take("mount_add")),
    notify_disconnect: call(options.take("mount_remove")),
  };
  options.noteOthers();
  // Icecast asks nobody about listeners without listener_add, and lets them in.
  const asks = listenerAdd !== undefined || listenerRemove !== undefined;
  return defined({ ...(asks ? { listener_auth: { type: "url", ...defined(listener) } } : {}), ...calls });
}

/** `<option name value>` children, the last of a name; those that are never taken are named. */
function optionsOf(element: XmlElement, draft: Draft) {
  const options = new Map<string, XmlElement>();
  for (const child of element.children) {
    const name = attribute(child, "name");
    if (child.name === "option" && name !== undefined) options.set(name, child);
    else draft.note(child, `not known in <${element.name}>, it has no effect`);
  }
  return {
    take(name: string): string | undefined {
      const option = options.get(name);
      options.delete(name);
      return (option && attribute(option, "value")) || undefined;
    },
    noteOthers(): void {
      for (const [name, option] of options) draft.note(option, `${JSON.stringify(name)} has no effect`);
    },
  };
}

const isTrue = (text: string): boolean => !/^\s*(0+|no|false|off)\s*$/i.test(text);

function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
