import type { Begun, IdempotencyStore } from "../idempotency-store.ts";

interface Entry {
  readonly id: string;
  readonly fingerprint: string;
  /** When it was begun, in milliseconds since 1970. */
  readonly at: number;
  readonly progress: "running" | "interrupted" | { readonly answer: string };
}

const dayMs = 24 * 60 * 60 * 1_000;

/** Keys in a Map, oldest first: bounded by age, by number, and by the size of their answers. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #entries = new Map<string, Entry>();
  readonly #maxKeys: number;
  readonly #maxCharacters: number;
  #characters = 0;

  /** @param maxCharacters What all answers together may take; one that is longer is forgotten at once. */
  constructor({
    maxKeys = 100_000,
    maxCharacters = 64 * 1024 * 1024,
  }: { maxKeys?: number; maxCharacters?: number } = {}) {
    this.#maxKeys = maxKeys;
    this.#maxCharacters = maxCharacters;
  }

  async begin({ key, fingerprint, at }: { key: string; fingerprint: string; at: number }): Promise<Begun> {
    this.#forgetOld(at);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      const id = crypto.randomUUID();
      this.#entries.set(key, { id, fingerprint, at, progress: "running" });
      this.#trim();
      return { type: "run", id, isRepeated: false };
    }
    if (entry.fingerprint !== fingerprint) return { type: "reused" };
    if (entry.progress === "running") return { type: "in_progress" };
    if (entry.progress !== "interrupted") return { type: "answered", answer: entry.progress.answer };
    this.#entries.set(key, { ...entry, progress: "running" });
    return { type: "run", id: entry.id, isRepeated: true };
  }

  async complete(key: string, answer: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry?.progress !== "running") return;
    // Before it pushes out all others.
    if (answer.length > this.#maxCharacters) return void this.#entries.delete(key);
    this.#entries.set(key, { ...entry, progress: { answer } });
    this.#characters += answer.length;
    this.#trim();
  }

  async fail(key: string, mayHaveRun: boolean): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry?.progress !== "running") return;
    if (mayHaveRun) this.#entries.set(key, { ...entry, progress: "interrupted" });
    else this.#entries.delete(key);
  }

  async recover(): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (entry.progress === "running") this.#entries.set(key, { ...entry, progress: "interrupted" });
    }
  }

  /** Keys are in the order in which they were begun, so the first that is young ends the search. */
  #forgetOld(now: number): void {
    for (const [key, entry] of this.#entries) {
      if (now - entry.at < dayMs) return;
      if (entry.progress !== "running") this.#forget(key, entry);
    }
  }

  /** What runs is kept: there is no more of it than there are open requests. */
  #trim(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxKeys && this.#characters <= this.#maxCharacters) return;
      if (entry.progress !== "running") this.#forget(key, entry);
    }
  }

  #forget(key: string, { progress }: Entry): void {
    if (typeof progress === "object") this.#characters -= progress.answer.length;
    this.#entries.delete(key);
  }
}
