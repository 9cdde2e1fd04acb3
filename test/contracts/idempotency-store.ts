/** What every IdempotencyStore must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { IdempotencyStore } from "../../src/session/idempotency-store.ts";

type Open = (bounds: { maxKeys?: number; maxCharacters?: number }) => Promise<IdempotencyStore>;

const dayMs = 24 * 60 * 60 * 1_000;
const request = (key: string, { fingerprint = "f", at = 1_000 } = {}) => ({ key, fingerprint, at });

export function idempotencyStoreContract(name: string, open: Open): void {
  const begin = async (store: IdempotencyStore, key: string, at = 1_000) => {
    const begun = await store.begin(request(key, { at }));
    if (begun.type !== "run") throw new Error(begun.type);
    return begun;
  };
  const answer = async (store: IdempotencyStore, key: string, text: string, at = 1_000) => {
    await begin(store, key, at);
    await store.complete(key, text);
  };

  describe(`${name} (IdempotencyStore)`, () => {
    test("lets exactly one of a hundred equal requests at once run", async () => {
      const store = await open({});
      const all = await Promise.all(Array.from({ length: 100 }, () => store.begin(request("k"))));
      expect(all.filter(({ type }) => type === "run")).toHaveLength(1);
      expect(all.filter(({ type }) => type === "in_progress")).toHaveLength(99);
    });

    test("gives each new request an id of its own", async () => {
      const store = await open({});
      const [first, second] = [await begin(store, "a"), await begin(store, "b")];
      expect(first).toEqual({ type: "run", id: expect.stringMatching(/^[0-9a-f-]{36}$/), isRepeated: false });
      expect(second.id).not.toBe(first.id);
    });

    test("gives the first answer again, as often as it is asked", async () => {
      const store = await open({});
      await answer(store, "k", '{"status":201}');
      for (const at of [1_000, 2_000, dayMs]) {
        expect(await store.begin(request("k", { at }))).toEqual({
          type: "answered",
          answer: '{"status":201}',
        });
      }
    });

    test("refuses a key for another request, whether the first is answered or not", async () => {
      const store = await open({});
      await begin(store, "k");
      expect(await store.begin(request("k", { fingerprint: "other" }))).toEqual({ type: "reused" });
      await store.complete("k", "1");
      expect(await store.begin(request("k", { fingerprint: "other" }))).toEqual({ type: "reused" });
    });

    test("forgets a request that did nothing, so that its key is free for any", async () => {
      const store = await open({});
      const first = await begin(store, "k");
      await store.fail("k", false);
      const again = await store.begin(request("k", { fingerprint: "other" }));
      expect(again).toMatchObject({ type: "run", isRepeated: false });
      expect(again).not.toMatchObject({ id: first.id });
    });

    test("lets a request that may have run run again under its id, once at a time", async () => {
      const store = await open({});
      const { id } = await begin(store, "k");
      await store.fail("k", true);
      expect(await store.begin(request("k", { fingerprint: "other" }))).toEqual({ type: "reused" });
      expect(await store.begin(request("k"))).toEqual({ type: "run", id, isRepeated: true });
      expect(await store.begin(request("k"))).toEqual({ type: "in_progress" });
      await store.complete("k", "done");
      expect(await store.begin(request("k"))).toEqual({ type: "answered", answer: "done" });
    });

    test("recovers what was in progress when its process went", async () => {
      const store = await open({});
      const { id } = await begin(store, "running");
      await answer(store, "answered", "1");
      await store.recover();
      expect(await store.begin(request("running"))).toEqual({ type: "run", id, isRepeated: true });
      expect(await store.begin(request("answered"))).toEqual({ type: "answered", answer: "1" });
    });

    test("keeps an answer that comes twice as it was", async () => {
      const store = await open({});
      await answer(store, "k", "first");
      await store.complete("k", "second");
      await store.fail("k", false);
      expect(await store.begin(request("k"))).toEqual({ type: "answered", answer: "first" });
      await store.complete("unknown", "1");
      await store.fail("unknown", true);
      expect(await store.begin(request("unknown"))).toMatchObject({ type: "run", isRepeated: false });
    });

    test("forgets an answer a day after its request began, and not before", async () => {
      const store = await open({});
      await answer(store, "k", "1", 5_000);
      expect(await store.begin(request("k", { at: 5_000 + dayMs - 1 }))).toMatchObject({ type: "answered" });
      expect(await store.begin(request("k", { at: 5_000 + dayMs }))).toMatchObject({ type: "run" });
    });

    test("holds so many keys at most: the oldest answers go first, and what runs stays", async () => {
      const store = await open({ maxKeys: 3 });
      await begin(store, "running");
      for (const key of ["a", "b", "c"]) await answer(store, key, key);
      expect(await store.begin(request("running"))).toEqual({ type: "in_progress" });
      expect(await store.begin(request("c"))).toEqual({ type: "answered", answer: "c" });
      expect(await store.begin(request("b"))).toEqual({ type: "answered", answer: "b" });
      expect(await store.begin(request("a"))).toMatchObject({ type: "run" });
    });

    test("holds answers of so many characters at most", async () => {
      const store = await open({ maxCharacters: 10 });
      for (const key of ["a", "b", "c"]) await answer(store, key, "12345");
      expect(await store.begin(request("c"))).toMatchObject({ type: "answered" });
      expect(await store.begin(request("b"))).toMatchObject({ type: "answered" });
      expect(await store.begin(request("a"))).toMatchObject({ type: "run" });
      await answer(store, "long", "12345678901");
      expect(await store.begin(request("long"))).toMatchObject({ type: "run" });
    });
  });
}
