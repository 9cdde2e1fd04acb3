/** What a browser gets instead of a page when it has no token: it cannot send one by itself, so it says what can. */
export function tokenPage(requestUrl: string): string {
  const url = Bun.escapeHTML(new URL(requestUrl).origin);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>motus: a token is needed</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
pre { overflow-x: auto; padding: 0.75rem 1rem; border: 1px solid; border-radius: 0.25rem }
</style>
</head>
<body>
<h1>A token is needed</h1>
<p>This server answers whoever shows one of its tokens. A browser cannot send a token when it opens a page; a command can:</p>
<pre>curl -H 'Authorization: Bearer &lt;token&gt;' ${url}/sessions
MOTUS_TOKEN='&lt;token&gt;' bunx motus serve chat ${url}</pre>
<p>The description of all routes, for any viewer of OpenAPI documents:</p>
<pre>curl -H 'Authorization: Bearer &lt;token&gt;' ${url}/swagger/json -o motus.json</pre>
</body>
</html>
`;
}

export const tokenPagePolicy = "default-src 'none'; style-src 'unsafe-inline'";
