/** What a server makes of the turns that one before it has left under way. */
import type { Ending, TurnEnd } from "../pool/run-turn.ts";
import type { TurnReference, UnfinishedTurn } from "../session/session-store.ts";
import { type RecordParts, recordTurn } from "./record-turn.ts";

/**
 * Records the end of those that had started: nobody knows how far they came, so they are not run again. Returns the others,
 * which wait to run as if nothing had happened.
 */
export async function recoverTurns(parts: RecordParts): Promise<{ waiting: TurnReference[]; lost: number }> {
  const unfinished = await parts.store.unfinished();
  const waiting = unfinished.filter(({ claimedAt }) => claimedAt === null);
  const lost = unfinished.filter(({ claimedAt }) => claimedAt !== null);
  // All at once, so that the disk is waited for once.
  await Promise.all(lost.map((turn) => recordLost(parts, turn)));
  return { waiting, lost: lost.length };
}

function recordLost(parts: RecordParts, turn: UnfinishedTurn): Promise<void> {
  const error = turn.isInterrupted
    ? "Turn lost: the server died while it waited for a person, and its questions can no longer be answered"
    : "Turn lost: the server died while it ran, and what it has done until then is unknown";
  const ending: Ending = { outcome: "lost", error, stack: null };
  const end: TurnEnd = { ending, startedAt: turn.claimedAt, endedAt: Date.now(), exit: null };
  return recordTurn(parts, turn, end, null);
}
