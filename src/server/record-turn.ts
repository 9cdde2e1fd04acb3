/** Records how a turn ended, and tells whoever wants to know: one place for turns that ran, never ran, and were lost. */
import type { Logger } from "../logger.ts";
import type { TurnEnd } from "../pool/run-turn.ts";
import type { TurnEvent } from "../protocol/event.ts";
import type { TokenUsage } from "../protocol/session.ts";
import type { Bus } from "../session/bus.ts";
import type { EventLog, NewEvent } from "../session/event-log.ts";
import type { OutgoingWebhook } from "../session/outbox.ts";
import { transition } from "../session/session.ts";
import { type AcceptedTurn, type Finish, finishAction, type SessionStore } from "../session/session-store.ts";
import { finishOf, logFields, receiptOf } from "./turn-record.ts";
import type { Webhooks } from "./webhooks.ts";

/** What is kept of a turn until its end; its message may be gone. */
export type EndingTurn = Omit<AcceptedTurn, "message">;

export interface RecordParts {
  store: SessionStore;
  bus: Bus;
  events: EventLog;
  webhooks: Webhooks;
  logger: Logger;
  /** Takes a step again until the store has it. */
  persist<T>(step: () => Promise<T>): Promise<T>;
}

export async function recordTurn(
  parts: RecordParts,
  turn: EndingTurn,
  end: TurnEnd,
  usage: TokenUsage | null,
): Promise<void> {
  const { store, bus, events, webhooks, logger, persist } = parts;
  const { ending } = end;
  const receipt = receiptOf(turn, end, usage);
  const finish = finishOf(turn, end, receipt);
  const said = namedEvent(turn, {
    type: "turn-end",
    outcome: ending.outcome,
    response: ending.outcome === "completed" ? JSON.parse(ending.result.response) : null,
    error: ending.outcome === "completed" ? null : ending.error,
    receipt,
  });
  const webhook = await persist(() => webhookOf(parts, turn, finish));
  // At once, so that a store can make one step of them: whoever sees that a turn has ended finds its last event.
  const [session] = await Promise.all([
    persist(() => store.finish({ ...finish, webhook })),
    persist(() => events.append(turn.sessionId, [said])),
  ]);
  await bus.publish(turn.sessionId);
  const fields = logFields(turn, end, receipt);
  if (session === null) {
    return logger.info(fields, "turn discarded: its session is gone");
  }
  if (ending.outcome === "completed") logger.info(fields, "turn completed");
  else logger.warn(fields, `turn ${ending.outcome.replace("_", " ")}`);
  if (webhook !== null) webhooks.deliver(webhook);
}

/** The fields that each event of a turn begins with, as JSON. */
export function eventNames({ sessionId, turnId }: { sessionId: string; turnId: string }): string {
  return `"session_id":"${sessionId}","turn_id":"${turnId}",`;
}

export function namedEvent(turn: EndingTurn, event: TurnEvent): NewEvent {
  const fields = eventNames(turn) + JSON.stringify(event).slice(1);
  return { turnId: turn.turnId, type: event.type, fields };
}

/** The webhook of a turn's end, made ahead so that it is recorded with it: what it says is known already. */
async function webhookOf(
  { store, webhooks }: RecordParts,
  { sessionId, webhook }: EndingTurn,
  finish: Finish,
): Promise<OutgoingWebhook | null> {
  if (webhook === null) return null;
  const before = await store.get(sessionId);
  const after = before && transition(before, finishAction(finish, before.totalMessages));
  if (after === null) return null;
  if (webhook.include_messages !== true) return webhooks.prepare(webhook, after, null);
  const messages = (await store.messages(sessionId)) ?? [];
  const state = finish.type === "complete" ? [...messages.slice(0, finish.keep), ...finish.append] : messages;
  return webhooks.prepare(webhook, after, state);
}
