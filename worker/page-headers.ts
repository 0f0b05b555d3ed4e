/** What a page may load and do besides showing itself: sources by directive, "'none'" for each that is not named. */
export interface PageAllowance {
  readonly script?: string;
  readonly style?: string;
  readonly connect?: string;
  readonly media?: string;
  readonly img?: string;
  readonly form?: string;
}

/** Of a Content-Security-Policy: nobody frames the page, and it loads nothing that is not named. */
export function contentPolicy({ form = "'none'", ...sources }: PageAllowance = {}): string {
  const named = Object.entries(sources).map(([name, source]) => `${name}-src ${source}`);
  return [
    "default-src 'none'",
    ...named,
    "base-uri 'none'",
    `form-action ${form}`,
    "frame-ancestors 'none'",
  ].join("; ");
}

/** Of a page of ours and what belongs to it. */
export const pageHeaders = (contentType: string, allowance: PageAllowance): Record<string, string> => ({
  "Content-Type": `${contentType}; charset=utf-8`,
  "Cache-Control": "no-cache",
  "Content-Security-Policy": contentPolicy(allowance),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
});

/** Serves text that is bundled with the worker. */
export const pageFile = (allowance: PageAllowance) => (body: string, contentType: string) => (): Response =>
  new Response(body, { headers: pageHeaders(contentType, allowance) });
