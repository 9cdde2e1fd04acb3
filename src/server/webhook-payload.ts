import type { Webhook, WebhookPayload } from "../protocol/http.ts";
import { isUnderWay, type Session } from "../session/session.ts";
import { sessionView } from "./session-view.ts";

/** The body of a webhook, as text, so that messages are put in without being read. */
export function webhookPayload(
  webhook: Webhook,
  session: Session,
  messages: readonly string[] | null,
): string {
  const { session_id, status, response, error, interrupts, turn } = sessionView(session);
  // A turn that has not ended is not the one whose receipt the session shows.
  const turnId = isUnderWay(session) ? session.turnId : undefined;
  const receipt = turnId === undefined ? turn : null;
  const flat: Omit<WebhookPayload, "messages"> = {
    type: interrupts === null ? `turn.${receipt?.outcome ?? "completed"}` : "turn.interrupted",
    timestamp: new Date(session.updatedAt).toISOString(),
    session_id,
    status,
    response,
    error,
    ...(interrupts !== null && { interrupts }),
    trace_metrics: {
      trace_id: turnId ?? receipt?.turn_id ?? "",
      total_duration: (receipt?.duration_ms ?? 0) / 1_000,
      total_tokens: receipt?.usage?.total_tokens ?? 0,
      has_error: receipt !== null && receipt.outcome !== "completed",
    },
  };
  const json = JSON.stringify(flat);
  return webhook.include_messages === true
    ? `${json.slice(0, -1)},"messages":[${messages?.join(",") ?? ""}]}`
    : json;
}
