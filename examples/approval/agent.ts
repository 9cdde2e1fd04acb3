/**
 * An agent with a person in the loop: it asks which folder to clean and whether it may, and waits as long as it
 * takes. Meanwhile it holds no worker slot, and its timeout stands still.
 *
 *     bunx motus serve start examples/approval/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "Clean up, please"
 *
 * Without a chat: GET the session, take the `interrupt_id`, and POST the answer to …/resume (docs/human-in-the-loop.md).
 */
import {
  askUser,
  ChatMessage,
  interrupt,
  type ToolApproval,
  type ToolApprovalAnswer,
  type Turn,
} from "motus-serve";

const question = "Which folder shall I clean?";

export async function agent(message: ChatMessage, state: ChatMessage[]): Promise<Turn> {
  const { answers } = await askUser([
    {
      question,
      header: "Folder",
      options: [
        { label: "cache", description: "Can be made again" },
        { label: "downloads", description: "Cannot" },
      ],
    },
  ]);
  const folder = answers[question] ?? "nothing";
  const approval: ToolApproval = { type: "tool_approval", tool_name: "clean", tool_args: { folder } };
  const { approved, message: reason } = (await interrupt(approval)) as ToolApprovalAnswer;

  const response = ChatMessage.assistant(
    approved ? `Cleaned ${folder}.` : `Left ${folder} alone: ${reason ?? "you said no"}.`,
  );
  return [response, [...state, message, response]];
}
