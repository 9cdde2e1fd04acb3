/** One whole turn over HTTP, and the check of its answer. */

export async function createSession(url: string, body: unknown = {}): Promise<string> {
  const { session_id } = await post(`${url}/sessions`, JSON.stringify(body), 201);
  return session_id as string;
}

export function createSessions(url: string, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => createSession(url)));
}

/** POST, then GET with wait. Throws when the answer is another than it has to be: the echo of what was said, unless given. */
export async function turn(
  url: string,
  sessionId: string,
  content: string,
  answer = `echo: ${content}`,
): Promise<void> {
  await post(`${url}/sessions/${sessionId}/messages`, JSON.stringify({ content }), 202);
  const response = await fetch(`${url}/sessions/${sessionId}?wait=true`);
  const session = (await response.json()) as { status?: string; response?: { content?: string } | null };
  if (session.status !== "idle" || session.response?.content !== answer)
    throw new Error(`Wrong answer to "${content}": ${JSON.stringify(session)}`);
}

async function post(url: string, body: string, status: number): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.status !== status)
    throw new Error(`POST ${url} was answered with ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}
