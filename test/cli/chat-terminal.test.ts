/** The chat on a real terminal, which util-linux's `script` makes. */
import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";
import { Output, shellCommand } from "./run-cli.ts";

const keys = {
  backspace: "\x7f",
  left: "\x1b[D",
  up: "\x1b[A",
  enter: "\r",
  controlC: "\x03",
  controlD: "\x04",
};

function chatOnTerminal(url: string) {
  const child = Bun.spawn(["script", "-qec", `${shellCommand} serve chat ${url}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", MOTUS_TOKEN: "" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const screen = new Output(child.stdout);
  const type = async (...text: string[]) => {
    child.stdin.write(text.join(""));
    await child.stdin.flush();
  };
  return { child, screen, type, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

describe.if(Bun.which("script") !== null)("motus serve chat on a terminal", () => {
  test("edits lines, remembers them, and Ctrl+D leaves and deletes the session", async () => {
    await using server = await startServer("echo.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type("hellp", keys.backspace, "o wrld", keys.left, keys.left, keys.left, "o", keys.enter);
    await chat.screen.until(/echo: hello world\r\n.*> /s);
    chat.screen.text = "";
    await chat.type(keys.up, "!", keys.enter);
    await chat.screen.until(/echo: hello world!\r\n.*> /s);
    await chat.type(keys.controlD);
    expect(await chat.child.exited).toBe(0);
    expect((await server.request("GET", "/sessions")).body).toEqual([]);
  });

  test("Ctrl+C at the prompt leaves and deletes the session", async () => {
    await using server = await startServer("echo.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type("half a li", keys.controlC);
    expect(await chat.child.exited).toBe(130);
    expect((await server.request("GET", "/sessions")).body).toEqual([]);
  });

  test("Ctrl+C during a turn, while the spinner turns, leaves and deletes the session", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type(gate.url, keys.enter);
    await gate.arrivals(1);
    await chat.screen.until(/⠋/);
    await chat.type(keys.controlC);
    expect(await chat.child.exited).toBe(130);
    // The cursor that the spinner hid is shown again.
    expect(await chat.screen.end()).toContain("\x1b[?25h");
    expect((await server.request("GET", "/sessions")).body).toEqual([]);
  });
});
