/** What a graph asks with `interrupt()`, as questions to a person. */
import type { TurnContext } from "../types.ts";
import { askApproval } from "./ask-approval.ts";

/** A call of `interrupt(value)` that waits for its answer. */
export interface Interrupt {
  id: string;
  value?: unknown;
}

/** What `humanInTheLoopMiddleware` asks: whether tools may be called, all of one message at once. */
interface Review {
  actionRequests: { name: string; args: unknown }[];
}

/** What it takes for an answer. */
type Decision = { type: "approve" } | { type: "reject"; message: string } | Edit;

interface Edit {
  type: "edit";
  editedAction: object;
}

/** Asks all that waits, at once; resolves with the answers by the questions' ids. */
export async function askAll(
  turn: TurnContext,
  interrupts: readonly Interrupt[],
): Promise<Record<string, unknown>> {
  const answers = interrupts.map(async ({ id, value }) => [id, await ask(turn, value)] as const);
  return Object.fromEntries(await Promise.all(answers));
}

async function ask(turn: TurnContext, value: unknown): Promise<unknown> {
  if (!isReview(value)) return turn.interrupt(value ?? null);
  const decisions = value.actionRequests.map(({ name, args }) => decide(turn, name, args));
  return { decisions: await Promise.all(decisions) };
}

/** A person may also answer with other arguments, in the middleware's own words. */
async function decide(turn: TurnContext, name: string, args: unknown): Promise<Decision> {
  let answer: unknown;
  const asking = {
    interrupt: async (question: unknown) => {
      answer = await turn.interrupt(question);
      return answer;
    },
  };
  const decision = await askApproval(asking, name, args);
  if (isEdit(answer)) return answer;
  return decision.approved ? { type: "approve" } : { type: "reject", message: decision.message };
}

function isReview(value: unknown): value is Review {
  const { actionRequests, reviewConfigs } = (value ?? {}) as Record<string, unknown>;
  return Array.isArray(actionRequests) && Array.isArray(reviewConfigs);
}

function isEdit(value: unknown): value is Edit {
  const { type, editedAction } = (value ?? {}) as Record<string, unknown>;
  return type === "edit" && typeof editedAction === "object" && editedAction !== null;
}
