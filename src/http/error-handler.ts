/** Errors → problem documents (RFC 9457). The only place that knows how an error looks over HTTP. */
import { Elysia, ValidationError } from "elysia";
import { type FieldError, MotusError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Problem } from "../protocol/http.ts";

export function errorHandler(logger: Logger) {
  return new Elysia({ name: "error-handler" }).onError({ as: "global" }, ({ error, request }) => {
    const known = asMotusError(error, request);
    if (known !== undefined) return problemResponse(known);
    logger.error({ err: error, method: request.method, url: request.url }, "a request failed");
    return problemResponse(new MotusError("internal_error", "The server failed to answer; its log says why"));
  });
}

export function problemResponse(error: MotusError): Response {
  const problem: Problem = {
    type: "about:blank",
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.errors !== undefined && { errors: error.errors }),
  };
  const headers = { ...error.headers, "content-type": "application/problem+json" };
  return new Response(JSON.stringify(problem), { status: error.status, headers });
}

/** The error of ours that an error stands for; undefined when the server is at fault. */
function asMotusError(error: unknown, request: Request): MotusError | undefined {
  if (MotusError.isInstance(error)) return error;
  if (!(error instanceof Error)) return undefined;
  // What is thrown while a body is read arrives wrapped.
  if (MotusError.isInstance(error.cause)) return error.cause;
  // What a path holds is text whatever it is, unless it cannot be decoded.
  if (error instanceof ValidationError && error.type === "params") {
    const { pathname } = new URL(request.url);
    return new MotusError(
      "route_not_found",
      `Cannot find ${pathname}: what follows a % in it is no UTF-8 text`,
    );
  }
  // A mismatch of our own answer is our fault and not the client's.
  if (error instanceof ValidationError && error.type !== "response") return validationFailed(error);
  return undefined;
}

function validationFailed(error: ValidationError): MotusError {
  const errors = fieldErrors(error);
  const where = errors.map(({ field, message }) => `${field} ${message}`).join("; ");
  return new MotusError(
    "validation_failed",
    `The ${error.type === "property" ? "query" : error.type} does not fit: ${where}`,
    { errors },
  );
}

interface TypeBoxError {
  path?: string;
  message?: string;
  schema?: { title?: string; anyOf?: { const?: unknown; type?: string }[] };
}

function fieldErrors(error: ValidationError): FieldError[] {
  const seen = new Map<string, string>();
  for (const one of error.all as TypeBoxError[]) {
    // Elysia loses the name of a query parameter that is out of range; its schema's title has it.
    const field = one.path || (one.schema?.title ? `/${one.schema.title}` : "/");
    if (!seen.has(field)) seen.set(field, explain(one));
  }
  return [...seen].map(([field, message]) => ({ field, message }));
}

function explain({ message, schema }: TypeBoxError): string {
  const choices = schema?.anyOf?.map((choice) =>
    choice.const === undefined ? choice.type : JSON.stringify(choice.const),
  );
  if (choices?.includes("boolean")) return "must be true or false";
  if (choices !== undefined && choices.length > 0)
    return `must be one of ${[...new Set(choices)].join(", ")}`;
  if (message === "Unexpected property") return "is not a known field";
  if (message === "Expected required property") return "is required";
  return (message ?? "is invalid").replace(/^Expected/, "must be").replace(" to be ", " ");
}
