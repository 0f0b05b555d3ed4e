/** Bounds of what is read from an icecast.xml. The largest one in use that was found has some 3,000 elements. */

/** Also bounds the time that parsing takes. */
export const xmlBytes = 4 * 1024 * 1024;
export const xmlElements = 50_000;
/** Icecast's own go four deep. */
export const xmlDepth = 16;
/** Notes of one kind of element are told one by one up to this many. */
export const notesOfOneElement = 20;
