import { html } from "hono/html";
import { replyHeaders } from "../reply-headers.ts";
import { documentPage, answerHeaders } from "./answer-pages.ts";
import type { ShoutcastStream } from "./shoutcast-stats.ts";
import type { IcecastStatistics } from "./statistics-fields.ts";

/**
 * `/status2.xsl` in the form that tools cut at commas; Icecast 2.4 no longer has it, stations do. A comma within a text
 * would move what follows: it becomes one that only looks so (U+201A).
 */
export function status2(
  streams: readonly ShoutcastStream[],
  { global }: Pick<IcecastStatistics, "global">,
): Response {
  const field = (name: string) => global.get(name) ?? "0";
  const listeners = streams.reduce((sum, { status }) => sum + status.listeners, 0);
  const lines = [
    `Global,Clients:${field("connections")},Sources:${streams.length},,${listeners},,`,
    "MountPoint,Connections,Stream Name,Current Listeners,Description,Currently Playing,Stream URL",
    ...streams.map(({ status, source, audience }) =>
      [
        status.mount,
        String(audience?.sessions ?? 0),
        source.name ?? "",
        String(status.listeners),
        source.description ?? "",
        status.title ?? "",
        source.url ?? "",
      ]
        .map(cell)
        .join(","),
    ),
  ];
  return htmlReply(`<pre>\n${lines.join("\n")}\n</pre>\n`);
}

const cell = (text: string): string =>
  text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .replaceAll(",", "\u201a")
    .replace(/[&<>]/g, (found) => entities[found] ?? found);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** `/server_version.xsl`. */
export async function serverVersion(station: string, { global }: IcecastStatistics): Promise<Response> {
  const rows = [
    ["Station", station],
    ["Software", "Skywave, which speaks Icecast"],
    ["Version for tools", global.get("server_id")],
    ["Host", global.get("host")],
    ["Location", global.get("location")],
    ["Contact", global.get("admin")],
    ["Up since", global.get("server_start")],
  ] as const;
  const content = await html`<h1>Server</h1>
    <div class="scroll"><table class="fields"><tbody>${rows.map(
      ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value ?? ""}</td></tr>`,
    )}</tbody></table></div>`;
  return htmlReply(await documentPage(`Server · ${station}`, content, false), answerHeaders);
}

/** `/auth.xsl`: playlists with a name and a password in them, for mounts whose listeners log in. */
export async function listenerLogin(station: string, mounts: readonly string[]): Promise<Response> {
  const forms = mounts.map(
    (mount) => html`<form class="fields-form" method="post" action="/admin/buildm3u">
      <h2>${mount}</h2><input type="hidden" name="mount" value="${mount}">
      <label>Name <input name="username" required autocomplete="username"></label>
      <label>Password <input name="password" type="password" required autocomplete="current-password"></label>
      <button>Get the playlist</button>
    </form>`,
  );
  const content = await html`<h1>Listen with a login</h1>${
    forms.length > 0 ? forms : html`<p>Nothing that is on air asks for a login.</p>`
  }`;
  return htmlReply(await documentPage(`Login · ${station}`, content, false), answerHeaders);
}

const htmlReply = (body: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { headers: { ...replyHeaders("text/html; charset=utf-8"), ...headers } });
