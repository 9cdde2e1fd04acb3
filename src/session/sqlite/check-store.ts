/** Whether a store's file is whole, and what is in it. */
import type { Database } from "bun:sqlite";
import type { SessionStatus } from "../../protocol/session.ts";
import { openReadOnly } from "./open-database.ts";
import { migrations } from "./schema.ts";
import { storeError } from "./store-error.ts";

export interface StoreReport {
  path: string;
  /** The schema of the file; this motus knows no newer one. */
  schema: number;
  /** What is wrong with it, in SQLite's words; nothing when it is whole. */
  damages: string[];
  /** Null when they cannot be counted. */
  counts: StoreCounts | null;
}

export interface StoreCounts {
  sessions: Partial<Record<SessionStatus, number>>;
  messages: number;
  /** Turns that are under way: those that wait, run or ask. */
  acceptedTurns: number;
  endedTurns: number;
  events: number;
  /** Webhooks that have not arrived. */
  webhooks: number;
}

/** More of it says no more. */
const maxDamages = 20;

/**
 * Reads the whole file, also while a server uses it.
 *
 * @throws {MotusError} `store_invalid` when it is no store that this motus knows.
 */
export function checkStore(file: string): StoreReport {
  const { database, path } = openReadOnly(file);
  try {
    const damages = [...integrity(database), ...references(database)];
    return { path, schema: migrations.length, damages, counts: counts(database) };
  } finally {
    database.close(true);
  }
}

function integrity(database: Database): string[] {
  try {
    const sql = `PRAGMA integrity_check(${maxDamages})`;
    const rows = database.query<{ integrity_check: string }, []>(sql).all();
    return rows.map(({ integrity_check }) => integrity_check).filter((text) => text !== "ok");
  } catch (error) {
    return [explain(error)];
  }
}

function references(database: Database): string[] {
  try {
    const rows = database
      .query<{ table: string; rowid: number; parent: string }, []>("PRAGMA foreign_key_check")
      .all();
    return rows
      .slice(0, maxDamages)
      .map(({ table, rowid, parent }) => `row ${rowid} of ${table} belongs to nothing in ${parent}`);
  } catch (error) {
    return [explain(error)];
  }
}

function counts(database: Database): StoreCounts | null {
  const count = (table: string) =>
    database.query<{ rows: number }, []>(`SELECT count(*) AS rows FROM ${table}`).get()?.rows ?? 0;
  try {
    const statuses = database
      .query<{ status: SessionStatus; rows: number }, []>(
        "SELECT status, count(*) AS rows FROM sessions GROUP BY status",
      )
      .all();
    return {
      sessions: Object.fromEntries(statuses.map(({ status, rows }) => [status, rows])),
      messages: count("messages"),
      acceptedTurns: count("accepted_turns"),
      endedTurns: count("ended_turns"),
      events: count("events"),
      webhooks: count("webhooks"),
    };
  } catch {
    return null; // That it is damaged has been said.
  }
}

function explain(error: unknown): string {
  const explained = storeError(error, "check it");
  return explained instanceof Error ? explained.message : String(explained);
}
