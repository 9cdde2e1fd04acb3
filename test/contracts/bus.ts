/** What every Bus must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { Bus } from "../../src/session/bus.ts";
import { until } from "../helpers/until.ts";

export function busContract(name: string, open: () => Promise<Bus>): void {
  describe(`${name} (Bus)`, () => {
    test("tells all who listen to a topic, and nobody else", async () => {
      const bus = await open();
      const heard: string[] = [];
      bus.subscribe("a", () => heard.push("first"));
      bus.subscribe("a", () => heard.push("second"));
      bus.subscribe("b", () => heard.push("other"));
      await bus.publish("a");
      await until("both have heard it", () => heard.length >= 2);
      expect(heard).toEqual(["first", "second"]);
    });

    test("tells no more to who has stopped to listen", async () => {
      const bus = await open();
      let heard = 0;
      let still = 0;
      const stop = bus.subscribe("a", () => heard++);
      bus.subscribe("a", () => still++);
      stop();
      stop();
      await bus.publish("a");
      await until("the other has heard it", () => still === 1);
      expect(heard).toBe(0);
    });
  });
}
