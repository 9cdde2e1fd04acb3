/**
 * Every agent that means harm: those that end in a strange way, those that use too much, and those that go for the machine.
 * Each stops by itself: after so many bytes, processes or seconds.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import type { ChatMessage, Turn, TurnContext } from "motus-serve";
import { agent as ends } from "../../fixtures/agents/ends.ts";
import { agent as hungry } from "../../fixtures/agents/hungry.ts";

const sleepers = "i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i+1)); done; wait";
/** Each has three children, five deep: 364 in all. */
const tree = "f() { [ $1 = 0 ] && exec sleep 30; for i in 1 2 3; do f $(($1 - 1)) & done; wait; }; f 5";
const forever = () => new Promise<never>(() => {});

const ways: Record<string, () => unknown> = {
  "starts 300 processes": () => {
    spawn("sh", ["-c", sleepers], { stdio: "ignore" });
    spawn("sh", ["-c", `trap '' TERM HUP INT; ${sleepers}`], { stdio: "inherit" });
    spawn("setsid", ["sh", "-c", sleepers], { stdio: "ignore", detached: true });
    return forever();
  },
  "grows a tree of processes": () => {
    spawn("setsid", ["sh", "-c", tree], { stdio: "ignore", detached: true });
    return Bun.sleep(100);
  },
  "fills the disk": () => {
    const megabyte = new Uint8Array(1024 * 1024);
    for (let mb = 0; mb < 64; mb++) appendFileSync(`${process.env.FAULTS_DISK}/filler`, megabyte);
  },
};

export async function agent(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
  const content = message.content ?? "";
  const [, what] = /^hungry: (.*)/.exec(content) ?? [];
  if (what !== undefined) return hungry({ ...message, content: what }, state, turn);
  await ways[content]?.();
  return ends({ ...message, content: content in ways ? "ok" : content }, state, turn);
}
