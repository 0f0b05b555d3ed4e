/** As a module of the page. */
export declare const isKorean: boolean;
export declare function say(english: string, ...parts: string[]): string;
export declare function translate(root: ParentNode): void;

/** The worker imports admin-words.js as text (wrangler.toml, rules). */
declare const text: string;
export default text;
