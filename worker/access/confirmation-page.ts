import { html } from "hono/html";
import { pageHeaders } from "../page-headers.ts";
import { isSecretName } from "./audit.ts";
import { csrfField } from "./csrf-names.ts";

/** A page with a button instead of the command itself: the button sends the same request by POST, with the token. */
export async function confirmationPage(request: Request, token: string): Promise<Response> {
  const { pathname, search, searchParams } = new URL(request.url);
  const words = /^ko\b/i.test(request.headers.get("Accept-Language") ?? "") ? korean : english;
  const nonce = crypto.randomUUID();
  const command = decoded(pathname).split("/").at(-1) ?? "";
  const rows = [...searchParams].map(
    ([name, value]) => html`<dt>${name}</dt><dd>${isSecretName(name) ? "••••••" : value}</dd>`,
  );
  const page = await html`<!doctype html>
<html lang="${words.lang}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${words.title}</title>
    <style nonce="${nonce}">${style}</style>
  </head>
  <body>
    <main>
      <h1>${words.title}</h1>
      <p>${words.why}</p>
      <dl><dt>${words.command}</dt><dd>${command}</dd>${rows}</dl>
      <form method="post" action="${pathname + search}">
        <input type="hidden" name="${csrfField}" value="${token}">
        <button type="submit">${words.confirm}</button>
        <a href="/admin/">${words.leave}</a>
      </form>
    </main>
  </body>
</html>
`;
  return new Response(String(page), { headers: questionHeaders(nonce) });
}

/** Nobody stores it. */
const questionHeaders = (styleNonce: string): Record<string, string> => ({
  ...pageHeaders("text/html", { style: `'nonce-${styleNonce}'`, form: "'self'" }),
  "Cache-Control": "no-store",
  "X-Frame-Options": "DENY",
});

const english = {
  lang: "en",
  title: "Carry this out?",
  why: "This address changes something on the station. Another site could have led your browser here, so it is only done when you say so.",
  command: "Command",
  confirm: "Carry out",
  leave: "No, to the console",
};
const korean: typeof english = {
  lang: "ko",
  title: "실행할까요?",
  why: "이 주소는 방송국의 무언가를 바꿉니다. 다른 사이트가 브라우저를 여기로 보냈을 수도 있으므로, 확인한 뒤에만 실행합니다.",
  command: "명령",
  confirm: "실행",
  leave: "아니요, 관리 화면으로",
};

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; place-items: center; min-height: 100vh; }
html:lang(ko) { word-break: keep-all; }
main { box-sizing: border-box; width: 100%; max-width: 34rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 1rem 0 1.5rem; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }
button { font: inherit; min-height: 2.75rem; padding: .5rem 1.25rem; border: 0; border-radius: .4rem; background: #b3261e; color: #fff; cursor: pointer; }
button:focus-visible, a:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
a { color: inherit; }
`;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
