/** Bodies as clients write them → bodies as their schemas want them. */
import { MotusError } from "../errors.ts";
import { dropNulls } from "../protocol/drop-nulls.ts";

/**
 * A body that must be an object, without its fields that are null, as Python clients write them. Checked here
 * because Elysia lets anything empty pass for an object whose fields are all optional.
 *
 * @throws {MotusError} `validation_failed`.
 */
export function bodyFields(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return dropNulls(body as Record<string, unknown>);
  const message = body === undefined ? "is required" : "must be an object";
  throw new MotusError("validation_failed", `The body does not fit: / ${message}`, {
    errors: [{ field: "/", message }],
  });
}
