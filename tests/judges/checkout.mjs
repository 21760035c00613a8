// Buying a plan as a single-page app sees it, in headless Chromium: our own page on another origin, which knows fetch and server-sent
// events and nothing else, and the payment page of the sandbox.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { base, judge, within } from "./support.mjs";

const origin = process.env.SHOP_ORIGIN;
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What runs in the page. It keeps its token as apps do that have no cookie. */
function app(base) {
  const $ = (id) => document.getElementById(id);
  const ask = async (query, variables) => {
    const token = sessionStorage.getItem("token");
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(`${base}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const SUBSCRIPTION = "subscription { status seats plan { key } cancelAt } userErrors { code message }";
  const show = ({ subscription, userErrors }) => {
    $("plan").textContent = userErrors?.length
      ? userErrors[0].message
      : subscription ? `${subscription.plan.key} ${subscription.status} ${subscription.seats} ${subscription.cancelAt ? "ends" : "stays"}` : "nothing";
  };
  const watch = async () => {
    const headers = { "content-type": "application/json", accept: "text/event-stream", authorization: `Bearer ${sessionStorage.getItem("token")}` };
    const query = "subscription { billingUpdated { subscription { status seats } } }";
    const response = await fetch(`${base}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (value.includes("billingUpdated")) $("heard").textContent += value;
    }
  };
  window.shop = {
    async signUp(input) {
      const { signUp } = await ask("mutation($input: SignUpInput!) { signUp(input: $input) { accessToken userErrors { message } } }", { input });
      sessionStorage.setItem("token", signUp.accessToken);
    },
    async verify(token) {
      const { verifyEmail } = await ask("mutation($input: VerifyEmailInput!) { verifyEmail(input: $input) { user { emailVerified } userErrors { message } } }", { input: { token } });
      return verifyEmail.user?.emailVerified ?? verifyEmail.userErrors[0].message;
    },
    async buy(planKey, seats) {
      const input = { planKey, seats, successUrl: `${location.origin}/thanks`, cancelUrl: `${location.origin}/plans` };
      const { startCheckout } = await ask("mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { checkout { url } userErrors { message } } }", { input });
      if (!startCheckout.checkout) throw new Error(startCheckout.userErrors[0].message);
      location.assign(startCheckout.checkout.url);
    },
    async change(mutation, input) {
      const type = `${mutation[0].toUpperCase()}${mutation.slice(1)}Input`;
      show((await ask(`mutation($input: ${type}!) { done: ${mutation}(input: $input) { ${SUBSCRIPTION} } }`, { input })).done);
    },
    async portal() {
      const input = { returnUrl: `${location.origin}/plans` };
      const { openBillingPortal } = await ask("mutation($input: OpenBillingPortalInput!) { openBillingPortal(input: $input) { url } }", { input });
      location.assign(openBillingPortal.url);
    },
    async look() {
      show((await ask("{ viewer { account { subscription { status seats plan { key } cancelAt } } } }")).viewer.account);
    },
    watch,
  };
  const session = new URLSearchParams(location.search).get("session_id");
  if (session) window.shop.change("syncCheckout", { checkoutSessionId: session });
}

const html = `<!doctype html><meta charset="utf-8"><title>Shop</title><p id="plan"></p><pre id="heard"></pre><script>(${app})(${JSON.stringify(base)})</script>`;
const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html));
await new Promise((listening) => server.listen(new URL(origin).port, "127.0.0.1", listening));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
const page = await browser.newPage();
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));

const unique = `${Date.now()}-${process.pid}`;
const plan = (text) => page.locator("#plan", { hasText: text }).waitFor({ timeout: 15_000 });
/** The plan that the app shows when it looks again: a webhook may be a moment behind, and of two changes in one second the later is asked for. */
const comes = (text) =>
  within(15, text, (async () => {
    while (!(await page.innerText("#plan")).includes(text)) {
      await page.waitForTimeout(200);
      await page.evaluate(() => window.shop.look());
    }
  })());
const pay = async (card) => {
  await page.check(`input[name=card][value=${card}]`);
  await page.click("button[type=submit]");
};

/** The token of the link that was mailed to an address. */
const mailed = async (address) => {
  const folder = process.env.MAIL_DIR;
  for (;;) {
    const mails = existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8")) : [];
    const mail = mails.find((mail) => mail.includes(address) && mail.includes("verify-email"));
    // Quoted-printable: long lines are folded, and `=` is `=3D`.
    const text = mail?.replace(/=\r?\n/g, "").replace(/=3D/g, "=");
    if (text) return /verify-email\?token=([\w.-]+)/.exec(text)[1];
    await new Promise((later) => setTimeout(later, 100));
  }
};

const cases = {
  "somebody signs up in the app and goes to the payment page": async () => {
    await page.goto(`${origin}/plans`);
    const input = { email: `shop-${unique}@example.com`, username: `shop-${unique}`, password: "correct horse battery staple" };
    await page.evaluate((input) => window.shop.signUp(input), input);
    const token = await within(15, "the mail to verify the address", mailed(input.email));
    assert.equal(await page.evaluate((token) => window.shop.verify(token), token), true);
    await page.evaluate(() => void window.shop.buy("pro", 2));
    await page.waitForURL(/\/c\/pay\//);
    assert.match(await page.innerText("h1"), /58\.00 USD now/);
  },
  "a declined card is told there, and a card that needs confirmation pays": async () => {
    await pay("declined");
    await page.locator("[role=alert]", { hasText: "declined" }).waitFor({ timeout: 10_000 });
    await pay("confirm_once");
    await page.click("button[value=true]");
    await page.waitForURL(/\/thanks\?session_id=cs_/);
  },
  "back in the app the plan is there": () => plan("pro ACTIVE 2 stays"),
  "whoever watches hears of a change at once": async () => {
    await page.evaluate(() => void window.shop.watch());
    await within(10, "the first event", page.locator("#heard", { hasText: '"seats":2' }).waitFor());
    await page.evaluate(() => window.shop.change("changeSeats", { seats: 3 }));
    await plan(/pro ACTIVE [23] stays/);
  },
  "a cancellation and its taking back": async () => {
    await page.evaluate(() => window.shop.change("cancelSubscription", {}));
    await plan("ends");
    await within(10, "the event", page.locator("#heard", { hasText: "billingUpdated" }).waitFor());
    await page.evaluate(() => window.shop.change("resumeSubscription", {}));
    await comes("stays");
  },
  "what is done in the portal is seen in the app": async () => {
    await page.evaluate(() => void window.shop.portal());
    await page.waitForURL(/\/p\/session\//);
    await page.click("button[value=cancel]");
    await page.locator("button[value=keep]").waitFor({ timeout: 10_000 });
    await page.click("a:text('Back')");
    await page.waitForURL(`${origin}/plans`);
    await comes("ends");
  },
  "nothing went wrong in the page": () => assert.deepEqual(complaints, []),
};

await judge("checkout", cases).finally(() => browser.close());
