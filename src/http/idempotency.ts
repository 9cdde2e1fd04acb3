/**
 * `Idempotency-Key`, as draft-ietf-httpapi-idempotency-key-header has it: a request that comes again with its key gets
 * its first answer again and is not run again.
 *
 * A failure that did nothing is not remembered, other than the draft suggests: what was refused for want of room or
 * because a turn ran may be sent again with the same key.
 */
import { createHash } from "node:crypto";
import { assertNever, MotusError } from "../errors.ts";
import type { Motus } from "../server/motus.ts";
import type { Attempt, Begun } from "../session/idempotency-store.ts";
import { callerOf } from "./access/caller.ts";

const maxKeyCharacters = 255;

/** What is answered, and kept to be answered again. */
export interface Answer<Body> {
  status: number;
  location?: string;
  body: Body;
  /** With a turn: the number of the last event before it. */
  after?: number;
}

interface KeyedRequest {
  request: Request;
  path: string;
  body?: unknown;
}

/**
 * Runs a request, unless one with the same key was run before.
 *
 * @param run Gets an `attempt` when the request has a key: what it makes must bear that id.
 * @throws {MotusError} `idempotency_in_progress`, `idempotency_key_reused`, `validation_failed`; what `run` throws.
 */
export async function once<Body>(
  { idempotency }: Motus,
  { request, path, body }: KeyedRequest,
  run: (attempt?: Attempt) => Promise<Answer<Body>>,
): Promise<Answer<Body> & { isReplay: boolean }> {
  const given = idempotencyKey(request);
  if (given === undefined) return { ...(await run()), isReplay: false };
  // Keys of different callers, and for different paths, never meet.
  const key = digest(JSON.stringify([callerOf(request).id, path, given]));
  const fingerprint = digest(JSON.stringify(body) ?? "");
  const begun = await idempotency.begin({ key, fingerprint, at: Date.now() });
  if (begun.type === "answered") return { ...JSON.parse(begun.answer), isReplay: true };
  const attempt = attemptOf(begun);
  let hasRun = false;
  try {
    const answer = await run(attempt);
    hasRun = true;
    await idempotency.complete(key, JSON.stringify(answer));
    return { ...answer, isReplay: attempt.isRepeated };
  } catch (error) {
    // A store that cannot keep this either recovers it at its next start.
    await idempotency.fail(key, hasRun || mayHaveRun(error)).catch(() => {});
    throw error;
  }
}

/** Puts an answer into what Elysia sends, and returns its body. */
export function reply<Body>(
  set: { status?: number | string; headers: Record<string, unknown> },
  { status, location, body, isReplay }: Answer<Body> & { isReplay?: boolean },
): Body {
  set.status = status;
  if (location !== undefined) set.headers.location = location;
  if (isReplay) set.headers["idempotent-replayed"] = "true";
  return body;
}

function idempotencyKey(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (key !== "" && key.length <= maxKeyCharacters) return key;
  const message = `must have 1 to ${maxKeyCharacters} characters`;
  throw new MotusError("validation_failed", `The headers do not fit: Idempotency-Key ${message}`, {
    errors: [{ field: "Idempotency-Key", message }],
  });
}

function attemptOf(begun: Exclude<Begun, { type: "answered" }>): Attempt {
  switch (begun.type) {
    case "run":
      return begun;
    case "in_progress":
      throw new MotusError(
        "idempotency_in_progress",
        "Cannot answer yet: a request with this Idempotency-Key is still being answered; send it again in a moment",
        { headers: { "Retry-After": "1" } },
      );
    case "reused":
      throw new MotusError(
        "idempotency_key_reused",
        "Cannot use this Idempotency-Key again: it belongs to a request with another body; choose a new key",
      );
    default:
      return assertNever(begun);
  }
}

/** What was refused did nothing; what broke may have done something first. */
function mayHaveRun(error: unknown): boolean {
  return !(MotusError.isInstance(error) && error.status !== 500);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
