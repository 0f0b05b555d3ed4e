/** Where a request of a page of ours carries its token: a field of its form, or a header. */
export const csrfField = "csrf";
export const csrfHeader = "X-Skywave-Csrf";
