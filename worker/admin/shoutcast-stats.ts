import type { AudienceCounters } from "../../shared/listener-session.ts";
import type { MountStatus } from "../../shared/mount-status.ts";
import { replyHeaders } from "../reply-headers.ts";
import type { ShownInfo } from "../stream-info.ts";
import { secondsSince } from "./answers.ts";

/*
 * Statistics as SHOUTcast's servers (DNAS 1.9 and 2) give them, for tools that know no other. A stream number (`sid`) is
 * the place of a mount among those that are shown, from 1.
 */

/** A mount as SHOUTcast's tools see one. */
export interface ShoutcastStream {
  readonly id: number;
  readonly status: MountStatus;
  readonly source: ShownInfo;
  readonly audience: AudienceCounters | undefined;
  /** Absent without a limit. */
  readonly maxListeners: number | undefined;
  readonly now: number;
}

/** What tools take for "no limit worth showing". */
const noLimit = 999_999;
const version = "2.6.1.777 (Skywave)";

/**
 * `/7.html`: listeners, whether a source is there, peak, limit, unique listeners, bit rate, title. Of no stream all is 0.
 * Its text is plain enough to be cut at commas: the title comes last.
 */
export function sevenHtml(stream: ShoutcastStream | undefined): string {
  const fields = stream
    ? [
        stream.status.listeners,
        1,
        stream.status.listenerPeak,
        stream.maxListeners ?? noLimit,
        uniqueOf(stream),
        bitrateOf(stream),
        escapeHtml(stream.status.title ?? ""),
      ]
    : [0, 0, 0, 0, 0, 0, ""];
  return `<HTML><meta http-equiv="Pragma" content="no-cache"></head><body>${fields.join(",")}</body></html>`;
}

type Fields = readonly (readonly [name: string, value: string | number])[];

/** As `/stats`: names in lower case, in the order of DNAS 2. */
function streamFields(stream: ShoutcastStream | undefined): Fields {
  const { status, source, now } = stream ?? {};
  return [
    ["currentlisteners", status?.listeners ?? 0],
    ["peaklisteners", status?.listenerPeak ?? 0],
    ["maxlisteners", stream ? (stream.maxListeners ?? noLimit) : 0],
    ["uniquelisteners", stream ? uniqueOf(stream) : 0],
    ["averagetime", 0],
    ["servergenre", source?.genre ?? ""],
    ["servergenre2", ""],
    ["servergenre3", ""],
    ["servergenre4", ""],
    ["servergenre5", ""],
    ["serverurl", source?.url ?? ""],
    ["servertitle", source?.name ?? ""],
    ["songtitle", status?.title ?? ""],
    ["streamhits", stream?.audience?.sessions ?? 0],
    ["streamstatus", status ? 1 : 0],
    ["backupstatus", 0],
    ["streamlisted", 0],
    ["streamlistederror", 0],
    ["streampath", status?.mount ?? ""],
    ["streamuptime", status && now !== undefined ? secondsSince(status.streamStartMs, now) : 0],
    ["bitrate", stream ? bitrateOf(stream) : "0"],
    ["samplerate", status?.sampleRate === undefined ? "0" : String(status.sampleRate)],
    ["content", source?.contentType ?? ""],
    ["version", version],
  ];
}

/** `/stats?sid=N&json=1`. */
export const statsJson = (stream: ShoutcastStream | undefined): string =>
  JSON.stringify(Object.fromEntries(streamFields(stream)));

/** `/stats?sid=N`, and `admin.cgi?mode=viewxml`. `inner` is more elements of the stream. */
export const statsXml = (stream: ShoutcastStream | undefined, inner = ""): string =>
  `${xmlHead}<SHOUTCASTSERVER>${elements(streamFields(stream))}${inner}</SHOUTCASTSERVER>`;

/** `/statistics`: the station, and in it every stream. */
export function statisticsXml(streams: readonly ShoutcastStream[]): string {
  const each = streams.map(
    (stream) => `<STREAM id="${stream.id}">${elements(streamFields(stream))}</STREAM>`,
  );
  return `${xmlHead}<SHOUTCASTSERVER><STREAMSTATS>${elements(totals(streams))}${each.join("")}</STREAMSTATS></SHOUTCASTSERVER>`;
}

export const statisticsJson = (streams: readonly ShoutcastStream[]): string =>
  JSON.stringify({
    ...Object.fromEntries(totals(streams)),
    streams: streams.map((stream) => ({ id: stream.id, ...Object.fromEntries(streamFields(stream)) })),
  });

function totals(streams: readonly ShoutcastStream[]): Fields {
  const sum = (of: (stream: ShoutcastStream) => number) =>
    streams.reduce((total, stream) => total + of(stream), 0);
  return [
    ["totalstreams", streams.length],
    ["activestreams", streams.length],
    ["currentlisteners", sum(({ status }) => status.listeners)],
    ["peaklisteners", sum(({ status }) => status.listenerPeak)],
    ["maxlisteners", sum(({ maxListeners }) => maxListeners ?? noLimit)],
    ["uniquelisteners", sum(uniqueOf)],
    ["averagetime", 0],
    ["version", version],
  ];
}

/** A listener of `admin.cgi?mode=viewxml&page=3`. */
export interface ShoutcastListener {
  readonly address: string;
  readonly userAgent: string;
  readonly connectedSeconds: number;
  readonly id: number;
}

export const listenersXml = (listeners: readonly ShoutcastListener[]): string =>
  `<LISTENERS>${listeners
    .map(
      ({ address, userAgent, connectedSeconds, id }) =>
        `<LISTENER>${elements([
          ["hostname", address],
          ["useragent", userAgent],
          ["underruns", 0],
          ["connecttime", connectedSeconds],
          ["pointer", 0],
          ["uid", id],
        ])}</LISTENER>`,
    )
    .join("")}</LISTENERS>`;

export const shoutcastReply = (body: string, type: "html" | "xml" | "json" | "text"): Response =>
  new Response(body, { headers: replyHeaders(`${contentTypes[type]}; charset=utf-8`) });

const contentTypes = { html: "text/html", xml: "text/xml", json: "application/json", text: "text/plain" };

/** Of today, where it is known. */
const uniqueOf = ({ status, audience }: ShoutcastStream): number =>
  Math.min(status.listeners, audience?.uniqueToday ?? status.listeners);

const bitrateOf = ({ status, source }: ShoutcastStream): string =>
  source.bitrate || String(Math.round(status.bitrateKbps ?? 0));

const elements = (fields: Fields): string =>
  fields
    .map(([name, value]) => [name.toUpperCase(), escapeMarkup(String(value))] as const)
    .map(([name, text]) => (text === "" ? `<${name}/>` : `<${name}>${text}</${name}>`))
    .join("");

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>`;

const escapeHtml = (text: string): string => escapeMarkup(text).replaceAll("&quot;", '"');

/** UTF-8 text of an element; what XML does not allow becomes U+FFFD. */
const escapeMarkup = (text: string): string =>
  text
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"]/g, (found) => entities[found] ?? found);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
