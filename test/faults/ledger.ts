/** Clients that keep a server busy, and a record of all that they were answered with 2xx: none of it may be lost. */
import { expect } from "bun:test";
import type { SessionView } from "motus-serve";
import { MotusClient } from "motus-serve/client";
import { pick } from "./random.ts";
import { count } from "./report.ts";

interface KnownSession {
  /** What its metadata may be: the second value when nobody knows whether it was taken. */
  steps: number[];
  /** `perhaps` when nobody knows whether its deletion was done. */
  isDeleted: "no" | "perhaps" | "yes";
  /** The turns that were accepted, in order, and what was seen of their ends. */
  turns: Map<string, unknown>;
}

const everything = ["quick 0", "quick 0", "slow 40", "children 20", "ask 0"];
/** What became of turns whose session their client has deleted. */
const deleted = "deleted by their client";
/** What needs no process or descriptor of the agent's own. */
export const modest = ["quick 0", "quick 0", "slow 40", "ask 0"];
const maxRounds = 10_000;

/** Turns ended in no other way than these. */
export function expectOnly(outcomes: Record<string, number>, allowed: string[]): void {
  expect(Object.keys(outcomes).filter((outcome) => ![...allowed, deleted].includes(outcome))).toEqual([]);
}

export class Ledger {
  readonly sessions = new Map<string, KnownSession>();
  /** What was answered with 2xx, and what became of turns. */
  readonly tally: Record<string, number> = {};
  /** How the turns ended that `verifyNew` has looked at. */
  readonly outcomes: Record<string, number> = {};
  #verified = 0;
  accepted = 0;
  readonly #random: () => number;
  readonly #messages: readonly string[];

  /** @param messages What the agent `notes` is told. */
  constructor(random: () => number, messages: readonly string[] = everything) {
    this.#random = random;
    this.#messages = messages;
  }

  /** Keeps a server busy until it answers no more, or `signal` fires; resolves when all clients have ended. */
  async load(url: string, { clients = 8, signal }: { clients?: number; signal?: AbortSignal } = {}) {
    const talk = async () => {
      for (let round = 0; round < maxRounds && signal?.aborted !== true; round++)
        if (!(await this.#converse(url))) return;
    };
    await Promise.all(Array.from({ length: clients }, talk));
  }

  /** One conversation, as far as the server lets it; false when it is gone. */
  async #converse(url: string): Promise<boolean> {
    const created = await this.#ask(url, "POST", "/sessions", { metadata: { step: 0 } });
    if (created === "gone" || created === "refused") return created === "refused";
    const id = created.session_id as string;
    const session: KnownSession = { steps: [0], isDeleted: "no", turns: new Map() };
    this.sessions.set(id, session);
    for (let step = 1; step <= 3; step++) {
      const content = pick(this.#random, this.#messages);
      const sent = await this.#ask(url, "POST", `/sessions/${id}/messages`, { content });
      if (sent === "gone" || sent === "refused") return sent === "refused";
      const turnId = sent.turn_id as string;
      this.accepted += 1;
      session.turns.set(turnId, undefined);
      session.steps.push(step);
      const patched = await this.#ask(url, "PATCH", `/sessions/${id}`, { metadata: { step } });
      if (patched === "gone" || patched === "refused") return patched === "refused";
      session.steps = [step];
      const ended = await this.#end(url, id);
      if (ended === "gone" || ended === "refused") return ended === "refused";
      session.turns.set(turnId, ended.turn);
    }
    if (this.#random() > 0.2) return true;
    session.isDeleted = "perhaps";
    const deleted = await this.#ask(url, "DELETE", `/sessions/${id}`);
    if (deleted === "refused") session.isDeleted = "no";
    else if (deleted !== "gone") session.isDeleted = "yes";
    return deleted !== "gone";
  }

  /** The session when its turn has ended, its question answered. */
  async #end(url: string, id: string): Promise<SessionView | "refused" | "gone"> {
    for (;;) {
      const settled = await this.#ask(url, "GET", `/sessions/${id}?wait=true`);
      if (typeof settled === "string") return settled;
      const session = settled as unknown as SessionView;
      const { status, interrupts } = session;
      if (status === "idle" || status === "error") return session;
      if (status === "running") return "refused"; // The server stops and leaves it to the next one.
      const answer = { interrupt_id: interrupts?.[0]?.interrupt_id, value: true };
      const resumed = await this.#ask(url, "POST", `/sessions/${id}/resume`, answer);
      if (typeof resumed === "string") return resumed;
    }
  }

  /** What was answered with 2xx; `refused` for a 503, or a 409 of a server that ends the turn. */
  async #ask(
    url: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Record<string, unknown> | "refused" | "gone"> {
    let status: number;
    let text: string;
    try {
      const response = await fetch(url + path, {
        method,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        }),
      });
      status = response.status;
      text = await response.text();
    } catch {
      return "gone";
    }
    if (status === 503 || status === 409) {
      count(this.tally, "refusals");
      return "refused";
    }
    if (status >= 300) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
    count(this.tally, "answers of 2xx");
    return text === "" ? {} : JSON.parse(text);
  }

  /** All that was answered is there. Returns how many turns ended how. */
  async verify(url: string, ids: Iterable<string> = this.sessions.keys()): Promise<Record<string, number>> {
    const client = new MotusClient(url);
    const outcomes: Record<string, number> = {};
    for (const id of ids) {
      const known = this.sessions.get(id) as KnownSession;
      const isThere = (await fetch(`${url}/sessions/${id}`)).status === 200;
      if (known.isDeleted !== "perhaps") expect(isThere).toBe(known.isDeleted === "no");
      if (!isThere) {
        for (const _ of known.turns) count(outcomes, deleted);
        continue;
      }
      const session = await this.#end(url, id);
      if (typeof session === "string") throw new Error(`The server is ${session} while it is looked into`);
      expect(known.steps).toContain(session.metadata.step as number);
      const turns = new Map((await client.turns(id)).map((turn) => [turn.turn_id, turn]));
      const completed: string[] = [];
      for (const [turnId, seen] of known.turns) {
        const { outcome } = turns.get(turnId) ?? { outcome: "missing" };
        expect(outcome).not.toBe("missing");
        if (seen !== undefined) expect(turns.get(turnId)).toMatchObject(seen as object);
        if (outcome === "completed") completed.push(turnId);
        count(outcomes, outcome);
      }
      const said = (await client.messages(id)).map(({ content }) => content ?? "");
      // A turn may have been accepted whose client did not hear of it.
      expect(said.filter((content) => known.turns.has(content))).toEqual(completed);
    }
    return outcomes;
  }

  /** The same for sessions that it was not asked for before. How their turns ended is added to `outcomes`. */
  async verifyNew(url: string): Promise<void> {
    const ids = [...this.sessions.keys()].slice(this.#verified);
    this.#verified += ids.length;
    for (const [outcome, number] of Object.entries(await this.verify(url, ids)))
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + number;
  }
}
