// Signs in at a real OpenID provider, as a browser does. run.sh has told the server where it will be: it runs in this process.
import assert from "node:assert/strict";
import { Provider } from "oidc-provider";
import { base, judge } from "./support.mjs";

const issuer = process.env.GOOGLE_ISSUER;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: process.env.GOOGLE_CLIENT_ID,
      client_secret: process.env.GOOGLE_CLIENT_SECRET,
      redirect_uris: [`${base}/auth/google/callback`],
    },
  ],
  claims: { email: ["email", "email_verified"], profile: ["given_name", "family_name"] },
  // As Google does: what a scope gives is in the id token.
  conformIdTokenClaims: false,
  cookies: { keys: ["of this run only"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("unverified"), given_name: "Ada" }),
  }),
});

/** A browser: it keeps the cookies of each origin, and follows no redirect by itself. */
class Browser {
  cookies = new Map();

  async send(url, form) {
    const jar = this.cookies.get(url.origin) ?? new Map();
    this.cookies.set(url.origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const body = form && new URLSearchParams(form);
    const response = await fetch(url, { method: form ? "POST" : "GET", redirect: "manual", headers: { cookie }, body });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    const location = response.headers.get("location");
    return { response, next: location && new URL(location, url) };
  }

  /** From the start to the application's page; `login` is null for somebody who does not agree. Tells which callback was on the way. */
  async signIn(login) {
    let [url, callback] = [new URL(`${base}/auth/google/start`), null];
    for (let steps = 0; steps < 20; steps += 1) {
      if (url.origin === base && !url.pathname.startsWith("/auth/")) return { url, callback };
      if (url.pathname === "/auth/google/callback") {
        callback = { url, cookie: this.cookies.get(base).get("fixpath_attempt") };
      }
      let { response, next } = await this.send(url);
      if (!next) {
        const text = await response.text();
        const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1];
        assert.ok(prompt, `${response.status} at ${url}: ${text.slice(0, 500)}`);
        const form = login && { prompt, ...(prompt === "login" && { login, password: "any" }) };
        next = form ? (await this.send(url, form)).next : new URL(`${url}/abort`);
      }
      url = next;
    }
    throw new Error(`no end of redirects: ${url}`);
  }

  /** Who the refresh cookie signs in. */
  async person() {
    const refresh = this.cookies.get(base).get("fixpath_refresh");
    assert.ok(refresh, "there is a refresh cookie");
    const query = "mutation { refreshTokens { viewer { user { id username email emailVerified signInMethods } } userErrors { message } } }";
    const headers = { "content-type": "application/json", origin: base, cookie: `fixpath_refresh=${refresh}` };
    const response = await fetch(`${base}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
    const { data } = await response.json();
    assert.deepEqual(data.refreshTokens.userErrors, []);
    return data.refreshTokens.viewer.user;
  }
}

const errorOf = ({ url }) => url.searchParams.get("auth_error");
const ada = `ada-${Date.now()}`;

const server = provider.listen(new URL(issuer).port);
await new Promise((resolve) => server.once("listening", resolve));

await judge("oidc", {
  "a new person is signed in, and is the same one the next time": async () => {
    const [first, second] = [new Browser(), new Browser()];
    const done = await first.signIn(ada);
    assert.equal(done.url.href, `${base}/`);
    const person = await first.person();
    assert.deepEqual(
      { ...person, id: null },
      { id: null, username: ada, email: `${ada}@example.com`, emailVerified: true, signInMethods: ["EMAIL_CODE", "GOOGLE"] },
    );
    await second.signIn(ada);
    assert.equal((await second.person()).id, person.id);
  },
  "an address that the provider has not verified makes nobody": async () => {
    assert.equal(errorOf(await new Browser().signIn(`unverified-${ada}`)), "email_not_verified");
  },
  "whoever does not agree is back, signed out": async () => {
    assert.equal(errorOf(await new Browser().signIn(null)), "cancelled");
  },
  "a callback counts once, and only in its browser": async () => {
    const browser = new Browser();
    const { callback } = await browser.signIn(ada);
    assert.equal(errorOf({ url: (await new Browser().send(callback.url)).next }), "expired");
    assert.equal(errorOf({ url: (await browser.send(callback.url)).next }), "expired");
    browser.cookies.get(base).set("fixpath_attempt", callback.cookie);
    assert.equal(errorOf({ url: (await browser.send(callback.url)).next }), "provider_refused");
  },
});
