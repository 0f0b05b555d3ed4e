import { escapeXml } from "../playlists.ts";

/** A podcast as its readers want it: RSS 2.0 with Apple's elements. */
export interface Feed {
  readonly title: string;
  readonly description: string;
  /** Absolute addresses: of the archive's page, and of the feed itself. */
  readonly link: string;
  readonly self: string;
  readonly author: string;
  readonly category: string;
  readonly items: readonly FeedItem[];
}

export interface FeedItem {
  readonly title: string;
  /** Text; each line a title that was played. */
  readonly description: string;
  readonly url: string;
  /** Bytes of the file. */
  readonly length: number;
  readonly durationMs: number;
  readonly startMs: number;
  /** Never changes. */
  readonly guid: string;
}

export const feedXml = (feed: Feed): string => `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom">
  <channel>
    ${element("title", feed.title)}
    ${element("link", feed.link)}
    ${element("description", feed.description)}
    <atom:link href="${attribute(feed.self)}" rel="self" type="application/rss+xml"/>
    <generator>Skywave</generator>
    ${element("itunes:author", feed.author)}
    ${element("itunes:summary", feed.description)}
    <itunes:category text="${attribute(feed.category)}"/>
    <itunes:explicit>false</itunes:explicit>
    <itunes:type>episodic</itunes:type>${feed.items.map(item).join("")}
  </channel>
</rss>
`;

const item = (entry: FeedItem): string => `
    <item>
      ${element("title", entry.title)}
      ${element("description", entry.description)}
      <enclosure url="${attribute(entry.url)}" length="${entry.length}" type="audio/mpeg"/>
      <guid isPermaLink="false">${escapeXml(entry.guid)}</guid>
      <pubDate>${new Date(entry.startMs).toUTCString()}</pubDate>
      <itunes:duration>${Math.round(entry.durationMs / 1_000)}</itunes:duration>
      <itunes:episodeType>full</itunes:episodeType>
    </item>`;

const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

const attribute = (text: string): string =>
  escapeXml(text)
    .replaceAll('"', "&quot;")
    .replace(/[\t\n]/g, (sign) => `&#${sign.charCodeAt(0)};`);
