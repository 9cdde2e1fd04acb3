import { MotusError } from "../../errors.ts";

export function tokenMissing(method: string, path: string): MotusError {
  return new MotusError(
    "token_missing",
    `Cannot ${method} ${path} without a token: send it with the header Authorization: Bearer <token>`,
    { headers: { "WWW-Authenticate": "Bearer" } },
  );
}

/** @param reason Never holds the token, nor a part of it. */
export function tokenInvalid(reason: string): MotusError {
  return new MotusError("token_invalid", `Cannot accept the token: ${reason}`, {
    headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
  });
}
