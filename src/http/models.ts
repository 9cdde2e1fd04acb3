/** The schemas by the names that they have in the OpenAPI document. */
import { type TSchema, Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { ChatMessageSchema } from "../protocol/chat-message.ts";
import {
  AcceptedSchema,
  CreateSessionSchema,
  HealthSchema,
  ProblemSchema,
  ReadySchema,
  SendMessageSchema,
  UpdateSessionSchema,
  WebhookSchema,
} from "../protocol/http.ts";
import { ReceiptSchema, SessionSchema, SessionSummarySchema } from "../protocol/session.ts";

export const models = new Elysia({ name: "models" }).model({
  ChatMessage: ChatMessageSchema,
  Receipt: ReceiptSchema,
  Session: SessionSchema,
  SessionSummary: SessionSummarySchema,
  CreateSession: CreateSessionSchema,
  UpdateSession: UpdateSessionSchema,
  Webhook: WebhookSchema,
  SendMessage: SendMessageSchema,
  Accepted: AcceptedSchema,
  Health: HealthSchema,
  Ready: ReadySchema,
  Problem: ProblemSchema,
});

/** The path parameter of everything that belongs to one session. */
export const sessionParams = Type.Object({
  id: Type.String({ description: "The session's id", examples: ["7f3e2c1a-4b5d-4e6f-8a9b-0c1d2e3f4a5b"] }),
});

/** Declares the statuses with which a route answers when something is wrong. */
export function problems<const Status extends number>(...statuses: Status[]): Record<Status, "Problem"> {
  return Object.fromEntries(statuses.map((status) => [status, "Problem"])) as Record<Status, "Problem">;
}

/** A list that is written piece by piece: described to the document, never checked item by item. */
export function streamed(description: string, items: TSchema) {
  return { description, content: { "application/json": { schema: Type.Array(items) } } };
}
