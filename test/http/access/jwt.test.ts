/** Tokens of an identity provider: which are accepted, and whose sessions they show. */
import { afterAll, afterEach, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportSPKI, importJWK, SignJWT, UnsecuredJWT } from "jose";
import { audience, type Issuer, issuerName, startIssuer } from "../../helpers/issuer.ts";
import { startServer, type TestServer } from "../../helpers/start-server.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const expected = { jwtIssuer: issuerName, jwtAudience: audience };

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());
afterEach(() => void setSystemTime());

const show = (to: TestServer, token: string) => to.request("GET", "/sessions", undefined, bearer(token));
const outcome = async (to: TestServer, token: string) => {
  const { status, body } = await show(to, token);
  return status === 200 ? 200 : [status, body.code, body.detail];
};

describe("a token of the issuer", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer("echo.ts:agent", { jwtJwks: issuer.url, ...expected });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("is accepted, also with our audience among others", async () => {
    expect(await outcome(server, await issuer.token("ada"))).toBe(200);
    expect(await outcome(server, await issuer.token("ada", { aud: ["other", audience] }))).toBe(200);
    expect(issuer.fetches).toBe(1);
  });

  const now = () => Math.floor(Date.now() / 1_000);
  test.each<[string, () => Promise<string>, string]>([
    ["that has expired", () => issuer.token("ada", { exp: now() - 60 }), "it has expired"],
    ["that is not valid yet", () => issuer.token("ada", { nbf: now() + 600 }), "not valid yet"],
    ["for another audience", () => issuer.token("ada", { aud: "other" }), "another audience"],
    ["for no audience", () => issuer.token("ada", { aud: undefined }), "another audience"],
    ["of another issuer", () => issuer.token("ada", { iss: "https://evil.example" }), "another issuer"],
    ["without a sub", () => issuer.token("ada", { sub: undefined }), "does not say whose it is"],
    ["with an empty sub", () => issuer.token(""), "its sub is empty"],
    ["that never ends", () => issuer.token("ada", { exp: undefined }), "does not say when it ends"],
    ["with an unknown key id", () => issuer.token("ada", {}, { kid: "other" }), "not among those"],
    ["that was changed", async () => tampered(await issuer.token("ada")), "its signature is wrong"],
    ["of another one's key under the same id", () => forged(), "its signature is wrong"],
    ["without a signature (alg none)", async () => unsigned(), "not accepted"],
    ["signed with the public key as a secret", () => confused(), "not accepted"],
    ["that is none", async () => "a.b.c", "no token of the issuer"],
    ["that is anything", async () => "anything", "no token of the issuer"],
  ])("%s is refused", async (_, make, reason) => {
    expect(await outcome(server, await make())).toEqual([
      401,
      "token_invalid",
      expect.stringContaining(reason),
    ]);
  });

  test("may be as late as clocks differ", async () => {
    expect(await outcome(server, await issuer.token("ada", { exp: now() - 2 }))).toBe(200);
  });

  function tampered(token: string): string {
    const [header, , signature] = token.split(".");
    const claims = { iss: issuerName, aud: audience, sub: "bob", exp: now() + 60 };
    return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
  }

  async function forged(): Promise<string> {
    await using other = await startIssuer();
    return other.token("ada");
  }

  function unsigned(): string {
    const token = new UnsecuredJWT({ sub: "ada" }).setIssuer(issuerName).setAudience(audience);
    return token.setExpirationTime("1h").encode();
  }

  async function confused(): Promise<string> {
    const [jwk] = issuer.keySet.keys;
    const key = await importJWK({ ...jwk, ext: true }, "RS256", { extractable: true });
    const secret = new TextEncoder().encode(await exportSPKI(key as CryptoKey));
    return new SignJWT({ sub: "ada", iss: issuerName, aud: audience, exp: now() + 60 })
      .setProtectedHeader({ alg: "HS256", kid: jwk?.kid as string })
      .sign(secret);
  }
});

describe("the keys of the issuer", () => {
  test("are fetched again for a new one, but not for everybody who asks with an unknown one", async () => {
    await using own = await startIssuer();
    await using server = await startServer("echo.ts:agent", { jwtJwks: own.url, ...expected });
    const old = await own.token("ada");
    expect(await outcome(server, old)).toBe(200);
    await own.rotate();
    expect(await outcome(server, await own.token("ada"))).toEqual([
      401,
      "token_invalid",
      expect.stringContaining("not among those"),
    ]);
    expect(own.fetches).toBe(1);
    setSystemTime(Date.now() + 31_000);
    expect(await outcome(server, await own.token("ada"))).toBe(200);
    expect(own.fetches).toBe(2);
    expect(await outcome(server, old)).toEqual([401, "token_invalid", expect.any(String)]);
  });

  test("count side by side while both are there", async () => {
    await using own = await startIssuer();
    const old = await own.token("ada");
    await own.rotate({ keep: true });
    await using server = await startServer("echo.ts:agent", { jwtJwks: own.url, ...expected });
    expect([await outcome(server, old), await outcome(server, await own.token("ada"))]).toEqual([200, 200]);
  });

  test("that cannot be had are 503, no fault of the token, and are asked for again", async () => {
    await using own = await startIssuer();
    const errors: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (_: object, message: string) => void errors.push(message),
    };
    await using server = await startServer("echo.ts:agent", { jwtJwks: own.url, ...expected, logger });
    const token = await own.token("ada");
    own.break(500);
    const { status, body, headers } = await show(server, token);
    expect([status, body.code, headers.get("retry-after")]).toEqual([503, "keys_unavailable", "5"]);
    expect(errors).toEqual(["the keys of tokens cannot be fetched"]);
    own.break();
    expect(await outcome(server, token)).toBe(200);
    const { url } = own;
    await own[Symbol.asyncDispose]();
    await using lonely = await startServer("echo.ts:agent", { jwtJwks: url, ...expected });
    expect(await outcome(lonely, token)).toEqual([503, "keys_unavailable", expect.any(String)]);
    expect((await lonely.request("GET", "/health")).status).toBe(200);
  });

  test("may be in a file, which is read again when it has changed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "motus-keys-"));
    const file = join(folder, "keys.json");
    await using own = await startIssuer();
    writeFileSync(file, JSON.stringify(own.keySet));
    await using server = await startServer("echo.ts:agent", { jwtJwks: file, ...expected });
    const old = await own.token("ada");
    expect(await outcome(server, old)).toBe(200);
    await own.rotate();
    const fresh = await own.token("ada");
    expect(await outcome(server, fresh)).toEqual([401, "token_invalid", expect.any(String)]);
    writeFileSync(file, JSON.stringify(own.keySet));
    setSystemTime(Date.now() + 2_000);
    expect([await outcome(server, fresh), await outcome(server, old)]).toEqual([
      200,
      [401, "token_invalid", expect.any(String)],
    ]);
    writeFileSync(file, '{"keys": [');
    setSystemTime(Date.now() + 4_000);
    expect(await outcome(server, fresh)).toBe(200);
    expect(own.fetches).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test.each([
    ["{", /^Cannot use the key set ".*": JSON/],
    ["[]", /it is no JSON Web Key Set/],
    ['{"keys": [1]}', /it is no JSON Web Key Set/],
    [null, /^Cannot use the key set ".*": ENOENT/],
  ])("in a file of %j are refused at start", async (text, message) => {
    const folder = mkdtempSync(join(tmpdir(), "motus-keys-"));
    const file = join(folder, "keys.json");
    if (text !== null) writeFileSync(file, text);
    const start = startServer("echo.ts:agent", { jwtJwks: file, ...expected });
    await expect(start).rejects.toMatchObject({
      code: "option_invalid",
      message: expect.stringMatching(message),
    });
    rmSync(folder, { recursive: true });
  });

  test.each([
    [{ jwtJwks: "https://issuer.example/keys" }, "belong together"],
    [{ jwtIssuer: issuerName }, "belong together"],
    [{ jwtJwks: "https://issuer.example/keys", jwtIssuer: issuerName, jwtAudience: "" }, "belong together"],
    [{ ...expected, jwtJwks: "http://issuer.example/keys" }, "a URL with https://"],
    [{ ...expected, jwtJwks: "https://" }, "a URL with https://"],
  ])("in options of %j are refused", async (options, message) => {
    await expect(startServer("echo.ts:agent", options)).rejects.toMatchObject({
      code: "option_invalid",
      message: expect.stringContaining(message),
    });
  });
});
