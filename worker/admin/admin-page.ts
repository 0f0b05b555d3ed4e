import adminCssText from "../page/admin.css";
import adminHtml from "../page/admin.html";
// oxlint-disable-next-line import/default -- bundled as text (wrangler.toml, rules)
import adminJsText from "../page/admin.js";
// oxlint-disable-next-line import/default -- the same
import wordsJsText from "../page/admin-words.js";

/** The console: static files of `page/`, bundled as text. What it shows it asks for itself. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const serve = (body: string, contentType: string) => (): Response =>
  new Response(body, {
    headers: {
      "Content-Type": `${contentType}; charset=utf-8`,
      "Cache-Control": "no-cache",
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    },
  });

export const adminPage = serve(adminHtml, "text/html");
export const adminCss = serve(adminCssText, "text/css");
export const adminJs = serve(adminJsText, "text/javascript");
export const wordsJs = serve(wordsJsText, "text/javascript");
