import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { encodeMountPath } from "../../shared/mount-path.ts";
import type { MountPath } from "../../shared/units.ts";
import { contentPolicy } from "../page-headers.ts";
import { type AdminAnswer, type ListedMount, secondsSince } from "./answers.ts";
import type { StatisticsFields } from "./statistics-fields.ts";

/*
 * The pages behind the commands that end in `.xsl`: plain HTML without a script, for old bookmarks and for those whose
 * browser runs none. What changes something is a form with POST.
 */

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export interface PageContext {
  readonly station: string;
  /** For its forms. */
  readonly csrf: string;
}

export const answerHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": contentPolicy({ style: "'self'", img: "data:", form: "'self'" }),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

export async function answerPage(answer: AdminAnswer, context: PageContext): Promise<string> {
  const { heading, body } = partsOf(answer, context);
  return documentPage(`${heading} · ${context.station}`, await html`<h1>${heading}</h1>${body}`, true);
}

/** A page of ours; `content` is HTML. */
export async function documentPage(
  title: string,
  content: HtmlEscapedString,
  forAdmins: boolean,
): Promise<string> {
  const links = forAdmins
    ? html`<a href="/admin/">Console</a> <a href="/admin/stats.xsl">Statistics</a>
        <a href="/admin/listmounts.xsl">Mounts</a> <a href="/">Public page</a>`
    : html`<a href="/">On air</a> <a href="/server_version.xsl">Server</a> <a href="/admin/">Administration</a>`;
  const page = await html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/admin/admin.css">
  </head>
  <body class="plain">
    <nav class="plain-links">${links}</nav>
    <main>${content}</main>
  </body>
</html>
`;
  return String(page);
}

interface Parts {
  readonly heading: string;
  readonly body: Html;
}

function partsOf(answer: AdminAnswer, { csrf }: PageContext): Parts {
  switch (answer.kind) {
    case "response":
      return { heading: answer.done ? "Done" : "Not done", body: html`<p>${answer.message}</p>` };
    case "statistics": {
      const { global, sources } = answer.statistics;
      return {
        heading: "Statistics",
        body: html`${fieldTable("Server", global)}${[...sources].map(([mount, fields]) => fieldTable(mount, fields, mountLinks(mount)))}`,
      };
    }
    case "mounts":
      return answer.from === undefined
        ? { heading: "Mounts", body: mountTable(answer.mounts) }
        : { heading: `Move listeners of ${answer.from}`, body: moveForms(answer.from, answer.mounts, csrf) };
    case "listeners":
      return {
        heading: `Listeners of ${answer.mount}`,
        body: html`${mountLinks(answer.mount)}
          <div class="scroll"><table>
            <thead><tr><th>Address</th><th>Player</th><th>Seconds</th><th>Name</th><th></th></tr></thead>
            <tbody>${answer.listeners.map(
              (listener) => html`<tr>
                <td>${listener.address ?? "unknown"}</td><td>${listener.userAgent || "unknown"}</td>
                <td>${secondsSince(listener.startedMs, answer.now)}</td><td>${listener.user ?? ""}</td>
                <td>${commandForm("killclient", csrf, { mount: answer.mount, id: String(listener.id) }, "Kick")}</td>
              </tr>`,
            )}</tbody>
          </table></div>`,
      };
    case "accounts":
      return { heading: `Listener accounts of ${answer.mount}`, body: accountForms(answer, csrf) };
    case "mount":
      return { heading: `Title of ${answer.mount}`, body: titleForm(answer.mount, csrf) };
  }
}

const fieldTable = (heading: string, fields: StatisticsFields, links?: Html): Html => html`<section>
  <h2>${heading}</h2>${links ?? ""}
  <div class="scroll"><table class="fields"><tbody>${[...fields].map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}</tbody></table></div>
</section>`;

const mountTable = (mounts: readonly ListedMount[]): Html =>
  mounts.length === 0
    ? html`<p>Nothing is on air.</p>`
    : html`<div class="scroll"><table>
        <thead><tr><th>Mount</th><th>Listeners</th><th>Seconds on air</th><th>Type</th><th>Fallback</th><th></th></tr></thead>
        <tbody>${mounts.map(
          (each) => html`<tr><td>${each.mount}</td><td>${each.listeners}</td><td>${each.connectedSeconds}</td>
            <td>${each.contentType}</td><td>${each.fallback}</td><td>${mountLinks(each.mount, each.authenticator)}</td></tr>`,
        )}</tbody>
      </table></div>`;

function mountLinks(mount: MountPath, authenticator?: string): Html {
  const query = `mount=${encodeMountPath(mount)}`;
  const accounts = html` <a href="/admin/manageauth.xsl?${query}">Accounts</a>`;
  return html`<p class="row-links"><a href="/admin/listclients.xsl?${query}">Listeners</a>
    <a href="/admin/moveclients.xsl?${query}">Move</a>
    <a href="/admin/updatemetadata.xsl?${query}">Title</a>${authenticator === "htpasswd" ? accounts : ""}</p>`;
}

const moveForms = (from: MountPath, mounts: readonly ListedMount[], csrf: string): Html =>
  mounts.length === 0
    ? html`<p>No other mount is on air.</p>`
    : html`<ul class="choices">${mounts.map(
        ({ mount, listeners }) => html`<li><span>${mount}, ${listeners} listening</span>
          ${commandForm("moveclients", csrf, { mount: from, destination: mount }, "Move here")}</li>`,
      )}</ul>`;

const accountForms = (
  { mount, users, message }: Extract<AdminAnswer, { kind: "accounts" }>,
  csrf: string,
): Html => html`${message === undefined ? "" : html`<p role="status" class="notice">${message}</p>`}
  <ul class="choices">${users.map(
    (username) => html`<li><span>${username}</span>
      ${commandForm("manageauth", csrf, { mount, action: "delete", username }, "Delete")}</li>`,
  )}</ul>
  <form class="fields-form" method="post" action="/admin/manageauth.xsl">
    ${hidden({ csrf, mount, action: "add" })}
    <label>Name <input name="username" required maxlength="128" autocomplete="off"></label>
    <label>Password <input name="password" type="password" required autocomplete="new-password"></label>
    <button>Add</button>
  </form>`;

const titleForm = (
  mount: MountPath,
  csrf: string,
): Html => html`<form class="fields-form" method="post" action="/admin/metadata.xsl">
    ${hidden({ csrf, mount, mode: "updinfo", charset: "UTF-8" })}
    <label>Title <input name="song" maxlength="1024"></label>
    <button>Set</button>
  </form>`;

const commandForm = (
  command: string,
  csrf: string,
  fields: Readonly<Record<string, string>>,
  label: string,
): Html =>
  html`<form method="post" action="/admin/${command}.xsl">${hidden({ csrf, ...fields })}<button>${label}</button></form>`;

const hidden = (fields: Readonly<Record<string, string>>): Html[] =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
