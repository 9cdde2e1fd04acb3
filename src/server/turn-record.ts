/** The end of a turn as it is recorded, logged and shown. */
import type { CapturedOutput } from "../pool/captured-output.ts";
import { logsOf, type TurnEnd } from "../pool/run-turn.ts";
import type { Receipt, TokenUsage } from "../protocol/session.ts";
import type { Finish } from "../session/session-store.ts";
import type { EndingTurn } from "./record-turn.ts";

const maxLoggedCharacters = 4_000;

export function receiptOf(turn: EndingTurn, end: TurnEnd, usage: TokenUsage | null): Receipt {
  const { ending, startedAt, endedAt, exit } = end;
  const isEnded = exit !== null && exit.excess !== null;
  const delivered = ending.outcome === "completed" || (ending.outcome === "failed" && !isEnded);
  return {
    turn_id: turn.turnId,
    outcome: ending.outcome,
    // The clock may be set back meanwhile.
    queued_ms: Math.max(0, (startedAt ?? endedAt) - turn.acceptedAt),
    // When a lost turn really ended, nobody has seen.
    duration_ms: startedAt === null || ending.outcome === "lost" ? null : Math.max(0, endedAt - startedAt),
    cpu_ms: exit === null ? null : Math.round(exit.cpuMs * 100) / 100,
    max_rss_bytes: exit?.maxRssBytes ?? null,
    // A worker that has delivered is killed instead of waited for; that is not how its turn ended.
    exit_code: delivered ? (exit?.exitCode ?? 0) : (exit?.exitCode ?? null),
    signal: delivered ? null : (exit?.signal ?? null),
    usage,
    started_at: startedAt === null ? null : new Date(startedAt).toISOString(),
    ended_at: new Date(endedAt).toISOString(),
  };
}

export function finishOf(turn: EndingTurn, { ending, endedAt, exit }: TurnEnd, receipt: Receipt): Finish {
  const names = { sessionId: turn.sessionId, turnId: turn.turnId, at: endedAt };
  const logs = exit === null ? null : logsOf(turn.turnId, exit);
  if (ending.outcome === "completed") {
    return {
      ...names,
      type: "complete",
      ...ending.result,
      record: { receipt, error: null, stack: null, logs },
    };
  }
  const { error, stack } = ending;
  const type = ending.outcome === "cancelled" ? "cancel" : "fail";
  return { ...names, type, error, record: { receipt, error, stack, logs } };
}

/** The fields of a turn's one line in the log. */
export function logFields(turn: EndingTurn, { ending, exit }: TurnEnd, receipt: Receipt): object {
  const { outcome, queued_ms, duration_ms, cpu_ms, max_rss_bytes, usage } = receipt;
  return {
    session_id: turn.sessionId,
    turn_id: turn.turnId,
    outcome,
    queued_ms,
    duration_ms,
    cpu_ms,
    max_rss_bytes,
    ...(usage !== null && { usage }),
    ...(ending.outcome !== "completed" && {
      error: ending.error,
      ...(ending.stack !== null && { stack: ending.stack }),
    }),
    ...tail("stdout", exit?.stdout),
    ...tail("stderr", exit?.stderr),
  };
}

/** The end of what the agent wrote. */
function tail(name: string, output: CapturedOutput | undefined): Record<string, string> {
  const text = output?.text().trimEnd() ?? "";
  if (text === "") return {};
  return { [name]: text.length > maxLoggedCharacters ? `…${text.slice(-maxLoggedCharacters)}` : text };
}
