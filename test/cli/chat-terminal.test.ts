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

// With CI in its environment the spinner would not behave as it does on a person's terminal.
const { CI: _, ...environment } = process.env;

function chatOnTerminal(...parameters: string[]) {
  const command = `${shellCommand} serve chat ${parameters.join(" ")}`;
  const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
    env: { ...environment, SHELL: "/bin/sh", TERM: "xterm", MOTUS_TOKEN: "" },
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
    await chat.screen.until(/echo: hello world.*\r\n.*> /s);
    chat.screen.text = "";
    await chat.type(keys.up, "!", keys.enter);
    await chat.screen.until(/echo: hello world!.*\r\n.*> /s);
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

  test("Ctrl+C during a turn cancels it, and the conversation goes on", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type(gate.url, keys.enter);
    await gate.arrivals(1);
    await chat.screen.until(/⠋/);
    chat.screen.text = "";
    await chat.type(keys.controlC);
    await chat.screen.until(/Error: Turn cancelled.*\r\n.*> /s);
    const [session] = (await server.request("GET", "/sessions")).body;
    expect(session.status).toBe("idle");
    gate.open();
    await chat.type(gate.url, keys.enter);
    await chat.screen.until(/open.*\r\n.*> /s);
    await chat.type(keys.controlC);
    expect(await chat.child.exited).toBe(130);
    expect((await server.request("GET", "/sessions")).body).toEqual([]);
  });

  test("asks for approvals and answers, and Ctrl+C at the question cancels the turn", async () => {
    await using server = await startServer("live.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type("ask a.txt", keys.enter);
    await chat.screen.until(/May it run.* rm \{"path":"a.txt"\}\?.*why: /s);
    await chat.type("n, not this one", keys.enter);
    await chat.screen.until(/"approved":false,"message":"not this one".*> /s);
    await chat.type("ask-user", keys.enter);
    await chat.screen.until(/Which\?.*1\. SQLite.*2\. Postgres.*words: /s);
    await chat.type("2", keys.enter);
    await chat.screen.until(/"Which\?":"Postgres".*> /s);
    chat.screen.text = "";
    await chat.type("ask b.txt", keys.enter);
    await chat.screen.until(/why: /);
    await chat.type(keys.controlC);
    await chat.screen.until(/Error: Turn cancelled.*\r\n.*> /s);
    await chat.type(keys.controlD);
    expect(await chat.child.exited).toBe(1);
  });

  test("goes on with the turn that is under way, and Ctrl+C cancels it as any other", async () => {
    await using gate = createGate();
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: "ask a.txt" });
    await server.request("GET", `/sessions/${id}?wait=true`);
    await using chat = chatOnTerminal(server.url, "--session", id);
    await chat.screen.until(/May it run.* rm \{"path":"a.txt"\}\?.*why: /s);
    await chat.type("y", keys.enter);
    await chat.screen.until(/"approved":true.*> /s);
    await chat.type(keys.controlD);
    expect(await chat.child.exited).toBe(0);

    await server.request("POST", `/sessions/${id}/messages`, { content: `write ${gate.url}` });
    await gate.arrivals(1);
    await using again = chatOnTerminal(server.url, "--session", id);
    await again.screen.until(/under way.*⠋/s);
    await again.type(keys.controlC);
    await again.screen.until(/Error: Turn cancelled.*\r\n.*> /s);
    expect((await server.request("GET", `/sessions/${id}`)).body.status).toBe("idle");
    await again.type("count 1", keys.enter);
    await again.screen.until(/counted 1.*> /s);
    await again.type(keys.controlD);
    expect(await again.child.exited).toBe(1);
  });

  test("shows nothing that a terminal would obey", async () => {
    await using server = await startServer("cli-mischief.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type("obscure", keys.enter);
    const [screen] = await chat.screen.until(/hm.*→ look.*"a2J".*May it run.* read\[8m "\/etc8m"\?.*why: /s);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
    expect(screen).not.toMatch(/\x1b\[2J|\x1b\[8m|\x1b\]|\x07|\u009b/);
    await chat.type("y", keys.enter);
    await chat.screen.until(/"approved":true/);
  });

  test("does not take what was typed before a question for its answer", async () => {
    await using gate = createGate();
    await using server = await startServer("cli-mischief.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type(`late ${gate.url}`, keys.enter);
    await gate.arrivals(1);
    await chat.type("yes", keys.enter);
    await chat.screen.until(/yes\r+\n/);
    gate.open();
    await chat.screen.until(/why: /);
    await chat.type("n", keys.enter);
    await chat.screen.until(/"approved":false.*"yes"/s);
  });

  test("does not take what was typed before it read the terminal for an answer", async () => {
    await using gate = createGate();
    await using server = await startServer("cli-mischief.ts:agent");
    await using single = chatOnTerminal(server.url, `'late ${gate.url}'`);
    await gate.arrivals(1);
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: `late ${gate.url}` });
    await using going = chatOnTerminal(server.url, "--session", id);
    await gate.arrivals(2);
    for (const chat of [single, going]) {
      await chat.screen.until(/⠋/);
      await chat.type("yes", keys.enter);
      await chat.screen.until(/yes\r\n/);
    }
    gate.open();
    for (const chat of [single, going]) {
      await chat.screen.until(/why: /);
      await chat.type("n", keys.enter);
    }
    await single.screen.until(/"approved":false/);
    expect(await single.child.exited).toBe(0);
    await going.screen.until(/"approved":false.*"yes"/s);
  });

  test("renders Markdown", async () => {
    await using server = await startServer("echo.ts:agent");
    await using chat = chatOnTerminal(server.url);
    await chat.screen.until(/> /);
    await chat.type("some **bold** words", keys.enter);
    await chat.screen.until(/some .*1mbold.*22m words/);
  });
});
