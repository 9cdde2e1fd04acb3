/**
 * A server's URL in the form that paths are appended to: without a slash at its end, a query or a fragment.
 *
 * @throws {TypeError} when it is not an http or https URL.
 */
export function parseServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `Cannot use "${text}" as the URL of a server: write it with http:// or https://, such as http://127.0.0.1:8000`,
    );
  }
  url.search = "";
  url.hash = "";
  return url.href.replace(/\/+$/, "");
}
