/**
 * Waiting for a turn as a row of short waits. Proxies cut connections that are silent for a minute, and a
 * connection to a machine that is gone stays silent for ever; a short wait notices, and the next goes on.
 */
import type { SessionView } from "../protocol/session.ts";
import { isInterruption } from "./client-error.ts";
import type { Connection } from "./connection.ts";
import { pause } from "./pause.ts";

const sliceSeconds = 25;
/** Failures in a row before a wait is given up; with their pauses, about three seconds. */
const maxRetries = 5;
const firstPauseMs = 100;

export interface WaitOptions {
  /**
   * Seconds to wait at most, from 0; then the session comes as it is, `running` still.
   * @default no limit
   */
  timeout?: number;
  /** Ends the wait, not the turn. */
  signal?: AbortSignal;
}

export async function waitForSession(
  connection: Connection,
  path: string,
  { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions,
): Promise<SessionView> {
  const startedAt = performance.now();
  const secondsLeft = () => timeout - (performance.now() - startedAt) / 1_000;
  let seconds = timeout;
  let failures = 0;
  for (;;) {
    try {
      const query = `?wait=true&timeout=${Math.min(sliceSeconds, seconds)}`;
      const { body } = await connection.call<SessionView>({ method: "GET", path: path + query, signal });
      if (body.status !== "running" || secondsLeft() <= 0) return body;
      failures = 0;
    } catch (error) {
      if (!isInterruption(error) || failures === maxRetries || secondsLeft() <= 0) throw error;
      await pause(firstPauseMs * 2 ** failures, signal);
      failures += 1;
    }
    seconds = Math.max(0, secondsLeft());
  }
}
