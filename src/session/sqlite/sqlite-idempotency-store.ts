import type { Begun, IdempotencyStore } from "../idempotency-store.ts";
import type { StoreFile } from "./store-file.ts";

interface KeyRow {
  id: string;
  fingerprint: string;
  progress: "running" | "interrupted" | "answered";
  answer: string | null;
}

const dayMs = 24 * 60 * 60 * 1_000;

/**
 * Keys in a file of SQLite, bounded by age, by number, and by the size of their answers.
 *
 * That a key was taken does not wait for the disk: whatever its request makes does, and is there only after it.
 */
export class SqliteIdempotencyStore implements IdempotencyStore {
  readonly #file: StoreFile;
  readonly #maxKeys: number;
  readonly #maxCharacters: number;
  /** Requests whose failure could not be written, and whether they may have run. */
  readonly #unsaved = new Map<string, boolean>();
  readonly #find;
  readonly #add;
  readonly #answer;
  readonly #move;
  readonly #remove;
  readonly #interruptAll;
  readonly #forgetOld;
  readonly #forgetOldest;
  readonly #totals;

  /** @param maxCharacters What all answers together may take; one that is longer is forgotten at once. */
  constructor(
    file: StoreFile,
    {
      maxKeys = 100_000,
      maxCharacters = 64 * 1024 * 1024,
    }: { maxKeys?: number; maxCharacters?: number } = {},
  ) {
    this.#file = file;
    this.#maxKeys = maxKeys;
    this.#maxCharacters = maxCharacters;
    this.#find = file.prepare<KeyRow, [string]>(
      "SELECT id, fingerprint, progress, answer FROM idempotency_keys WHERE key = ?",
    );
    this.#add = file.prepare<unknown, [string, string, string, number]>(
      "INSERT INTO idempotency_keys (key, fingerprint, id, begun_at, progress) VALUES (?, ?, ?, ?, 'running')",
    );
    this.#answer = file.prepare<unknown, [string, number, string]>(
      "UPDATE idempotency_keys SET progress = 'answered', answer = ?, characters = ? " +
        "WHERE key = ? AND progress = 'running'",
    );
    this.#move = file.prepare<unknown, [KeyRow["progress"], string, KeyRow["progress"]]>(
      "UPDATE idempotency_keys SET progress = ? WHERE key = ? AND progress = ?",
    );
    this.#remove = file.prepare<unknown, [string]>(
      "DELETE FROM idempotency_keys WHERE key = ? AND progress = 'running'",
    );
    this.#interruptAll = file.prepare<unknown, []>(
      "UPDATE idempotency_keys SET progress = 'interrupted' WHERE progress = 'running'",
    );
    this.#forgetOld = file.prepare<unknown, [number]>(
      "DELETE FROM idempotency_keys WHERE begun_at <= ? AND progress <> 'running'",
    );
    // What runs is kept: there is no more of it than there are open requests.
    this.#forgetOldest = file.prepare<{ key: string }, []>(
      "DELETE FROM idempotency_keys WHERE place = " +
        "(SELECT place FROM idempotency_keys WHERE progress <> 'running' ORDER BY place LIMIT 1) RETURNING key",
    );
    this.#totals = file.prepare<{ keys: number; key_characters: number }, []>(
      "SELECT keys, key_characters FROM totals",
    );
  }

  async begin(request: { key: string; fingerprint: string; at: number }): Promise<Begun> {
    const { key } = request;
    const id = crypto.randomUUID();
    const failed = this.#unsaved.get(key);
    this.#unsaved.delete(key);
    const begin = () => {
      if (failed !== undefined) this.#fail(key, failed);
      return this.#begin(request, id);
    };
    try {
      return await this.#file.write(begin, { isPromised: false });
    } catch (error) {
      if (failed !== undefined) this.#unsaved.set(key, failed);
      throw error;
    }
  }

  complete(key: string, answer: string): Promise<void> {
    return this.#file.write(() => {
      // Before it pushes out all others.
      if (answer.length > this.#maxCharacters) this.#remove.run(key);
      else this.#answer.run(answer, answer.length, key);
      this.#trim();
    });
  }

  async fail(key: string, mayHaveRun: boolean): Promise<void> {
    try {
      await this.#file.write(() => this.#fail(key, mayHaveRun), { isPromised: false });
    } catch (error) {
      // It would be in progress until the next start otherwise.
      this.#unsaved.set(key, mayHaveRun);
      throw error;
    }
  }

  recover(): Promise<void> {
    return this.#file.write(() => void this.#interruptAll.run());
  }

  #begin({ key, fingerprint, at }: { key: string; fingerprint: string; at: number }, id: string): Begun {
    this.#forgetOld.run(at - dayMs);
    const row = this.#find.get(key);
    if (row === null) {
      this.#add.run(key, fingerprint, id, at);
      this.#trim();
      return { type: "run", id, isRepeated: false };
    }
    if (row.fingerprint !== fingerprint) return { type: "reused" };
    switch (row.progress) {
      case "running":
        return { type: "in_progress" };
      case "answered":
        return { type: "answered", answer: row.answer ?? "" };
      case "interrupted":
        this.#move.run("running", key, "interrupted");
        return { type: "run", id: row.id, isRepeated: true };
    }
  }

  #fail(key: string, mayHaveRun: boolean): void {
    if (mayHaveRun) this.#move.run("interrupted", key, "running");
    else this.#remove.run(key);
  }

  #trim(): void {
    for (;;) {
      const { keys = 0, key_characters: characters = 0 } = this.#totals.get() ?? {};
      if (keys <= this.#maxKeys && characters <= this.#maxCharacters) return;
      if (this.#forgetOldest.get() === null) return;
    }
  }
}
