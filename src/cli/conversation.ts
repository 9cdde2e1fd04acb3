/** A conversation on the command line, from its session's first turn to its end. */
import { type MotusClient, MotusClientError, type SessionView } from "../client/client.ts";
import { chatLines } from "./chat-lines.ts";
import { type Leave, leaveOnSignal } from "./leave-on-signal.ts";
import { print } from "./print.ts";
import { withSpinner } from "./with-spinner.ts";

export interface ChatFlags {
  session?: string;
  keep?: true;
  param?: Record<string, unknown>;
}

/** How long the deletion of the session may take. */
const deletionMs = 10_000;

/**
 * Sends one message, or every line that is typed, and prints the answers.
 *
 * @returns the exit code: 1 when a turn failed, 128 and its number when a signal ended the conversation.
 * @throws {MotusClientError} when the session cannot be had, or is gone.
 */
export async function chat(
  client: MotusClient,
  message: string | undefined,
  flags: ChatFlags,
): Promise<number> {
  using leave = leaveOnSignal();
  if (flags.session !== undefined) {
    const { session_id } = await client.getSession(flags.session);
    return converse({ client, sessionId: session_id, param: flags.param, leave }, message);
  }
  // Not to be interrupted: a session that was created unseen would stay.
  const { session_id } = await client.createSession();
  try {
    return await converse({ client, sessionId: session_id, param: flags.param, leave }, message);
  } finally {
    if (flags.keep) {
      console.error(
        `The session is kept; go on in it with: motus serve chat ${client.url} --session ${session_id}`,
      );
    } else {
      await remove(client, session_id);
    }
  }
}

interface Conversation {
  client: MotusClient;
  sessionId: string;
  param: Record<string, unknown> | undefined;
  leave: Leave;
}

async function converse(conversation: Conversation, message: string | undefined): Promise<number> {
  const { leave } = conversation;
  let exitCode = 0;
  try {
    for await (const line of message === undefined ? chatLines(leave) : [message]) {
      if (!(await takeTurn(conversation, line))) exitCode = 1;
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  return leave.exitCode ?? exitCode;
}

/** One message and its answer; whether the turn succeeded. */
async function takeTurn(conversation: Conversation, content: string): Promise<boolean> {
  const answer = await withSpinner(() => ask(conversation, content));
  if ("error" in answer) console.error(`Error: ${answer.error}`);
  else await print(answer.content);
  return "content" in answer;
}

async function ask(
  { client, sessionId, param, leave: { signal } }: Conversation,
  content: string,
): Promise<{ content: string } | { error: string }> {
  let session: SessionView;
  try {
    await client.send(sessionId, { content, ...(param && { user_params: param }) }, { signal });
    session = await client.wait(sessionId, { signal });
  } catch (error) {
    // Without its session the conversation is over; any other failure may pass.
    if (!(error instanceof MotusClientError) || error.code === "session_not_found") throw error;
    return { error: error.message };
  }
  const { response, error } = session;
  return response === null
    ? { error: error ?? "The turn has no answer" }
    : { content: response.content ?? "" };
}

async function remove(client: MotusClient, sessionId: string): Promise<void> {
  try {
    await client.deleteSession(sessionId, { signal: AbortSignal.timeout(deletionMs) });
  } catch (error) {
    if (error instanceof MotusClientError && error.code === "session_not_found") return;
    console.error(`Error: Cannot delete the session ${sessionId}: ${(error as Error).message}`);
  }
}
