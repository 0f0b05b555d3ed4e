import { html } from "hono/html";
import { chaptersOf } from "../../shared/chapters.ts";
import type { EdgeStation } from "../../shared/edge-station.ts";
import { strftime } from "../../shared/strftime.ts";
import type { MountPath } from "../../shared/units.ts";
import { rulesOf } from "../station.ts";
import { archivePath, fileNameOf, mountArchivePath } from "./addresses.ts";
import { shownTitles } from "./file-limits.ts";
import { isoTime, streamName, timeZoneOf } from "./list.ts";
import type { NamedBroadcast } from "./reader.ts";

export interface PageInput {
  readonly station: EdgeStation;
  /** Those to choose from. */
  readonly mounts: readonly MountPath[];
  /** What is shown: of one mount, of one day; "" is all. */
  readonly mount: string;
  readonly day: string;
  readonly broadcasts: readonly NamedBroadcast[];
  /** Of the next page; null on the last. */
  readonly cursor: string | null;
}

type Html = ReturnType<typeof html>;

/** The archive's page: complete as it comes, nothing in it needs a script. */
export async function archivePage(input: PageInput): Promise<string> {
  const { station, broadcasts, cursor, mount, day } = input;
  const days = Map.groupBy(broadcasts, (broadcast) => localTime("%A, %-d %B %Y", broadcast, station));
  const older = new URLSearchParams({ mount, day, cursor: cursor ?? "" });
  const page = await html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <title>${station.name}: archive</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/archive.css">
  </head>
  <body>
    <header class="station">
      <p class="kicker"><a href="/" dir="auto">${station.name}</a></p>
      <h1>Archive</h1>
    </header>
    ${filterForm(input)}
    <main>
      ${broadcasts.length === 0 ? empty(input) : ""}
      ${[...days].map(([name, ofDay]) => daySection(name, ofDay, station))}
      ${cursor === null ? "" : html`<p class="older"><a href="?${older.toString()}" rel="next">Older broadcasts</a></p>`}
    </main>
  </body>
</html>
`;
  return String(page);
}

const filterForm = ({
  mounts,
  mount,
  day,
}: PageInput): Html => html`<form class="filter" method="get" action="/archive/">
      <label>Stream
        <select name="mount">
          <option value="">All</option>
          ${mounts.map((each) => html`<option ${each === mount ? "selected" : ""}>${each}</option>`)}
        </select>
      </label>
      <label>Day <input type="date" name="day" value="${day}"></label>
      <button type="submit">Show</button>
    </form>`;

const empty = ({ mount, day }: PageInput): Html =>
  mount === "" && day === ""
    ? html`<div class="empty"><p class="empty-lead">Nothing has been broadcast yet.</p><p>Every broadcast is kept here by itself.</p></div>`
    : html`<div class="empty"><p class="empty-lead">Nothing here.</p><p><a href="/archive/">All broadcasts</a></p></div>`;

const daySection = (name: string, broadcasts: readonly NamedBroadcast[], station: EdgeStation): Html =>
  html`<section class="day"><h2>${name}</h2><ul class="mounts">${broadcasts.map((each) => card(each, station))}</ul></section>`;

function card(broadcast: NamedBroadcast, station: EdgeStation): Html {
  const { mount, name, startMs, endMs, durationMs, bytes, titles } = broadcast;
  const path = archivePath(mount, name);
  const times = localTime("%H:%M", broadcast, station);
  const until = endMs === null ? "on air" : strftime("%H:%M", Math.floor(endMs), timeZoneOf(mount, station));
  const heading = streamName(broadcast, station);
  return html`<li class="mount recording" data-state="${endMs === null ? "live" : "idle"}">
        <div class="about">
          <h3 dir="auto">${heading} <span class="genre">${mount}</span></h3>
          <p class="title"><time datetime="${isoTime(startMs)}">${times}</time> – ${until}</p>
          <p class="facts"><span>${lengthText(durationMs)}</span><span>${sizeText(bytes)}</span><span class="file" dir="auto">${fileNameOf(name)}</span></p>
        </div>
        <audio controls preload="none" src="${path}" aria-label="${`${heading}, ${times}`}"></audio>
        <p class="links"><a href="${path}" download="${fileNameOf(name)}">Download</a><a href="${archivePath(mount, name, "cue")}" download>.cue</a><a href="${archivePath(mount, name, "json")}">.json</a>${podcastLink(mount, station)}</p>
        ${titles.length === 0 ? "" : titleList(broadcast)}
      </li>`;
}

function titleList({ mount, name, titles, durationMs }: NamedBroadcast): Html {
  const chapters = chaptersOf(titles, Math.max(durationMs, (titles.at(-1)?.atMs ?? 0) + 1));
  const left = chapters.length - shownTitles;
  return html`<details><summary>${chapters.length === 1 ? "1 title" : `${chapters.length} titles`}</summary><ol class="titles">${chapters
    .slice(0, shownTitles)
    .map(
      ({ startMs, text }) =>
        html`<li><span class="at">${clockText(startMs)}</span> <span dir="auto">${text}</span></li>`,
    )}</ol>${
    left > 0 ? html`<p><a href="${archivePath(mount, name, "json")}">${left} more</a></p>` : ""
  }</details>`;
}

const podcastLink = (mount: MountPath, station: EdgeStation): Html | string =>
  rulesOf(station, mount)?.podcast === true
    ? html`<a href="${mountArchivePath(mount)}/feed.xml">Podcast</a>`
    : "";

const localTime = (pattern: string, { startMs, mount }: NamedBroadcast, station: EdgeStation): string =>
  strftime(pattern, startMs, timeZoneOf(mount, station));

/** "1:02:03" from the start. */
function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value % 60).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

function lengthText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.max(1, Math.round(ms / 1_000))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const sizeText = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1_000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
