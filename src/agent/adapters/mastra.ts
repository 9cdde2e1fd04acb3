import type { Adapt } from "./adapter.ts";

export const adapt: Adapt = async () => {
  throw new Error("not yet");
};
