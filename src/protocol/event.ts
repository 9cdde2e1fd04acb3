import type { ChatMessage } from "./chat-message.ts";
import type { Outcome, Receipt } from "./session.ts";

/**
 * What a turn says while it runs. The event log adds `seq`, one counter for each session across its turns.
 */
export type TurnEvent = { session_id: string; turn_id: string } & (
  | { type: "turn-start" }
  | {
      type: "turn-end";
      outcome: Outcome;
      response: ChatMessage | null;
      error: string | null;
      receipt: Receipt;
    }
);
