// GraphiQL in headless Chromium: no request to another host, no violation of the content security policy, and it works.
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { base, judge, noteUntil, startSession } from "./support.mjs";

const { token, session, username } = await startSession();
// What Chromium would ask its maker's hosts for by itself is switched off, and root has no sandbox.
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });

const complaints = [];
const urls = [];
page.on("request", (request) => urls.push(request.url()));
page.on("websocket", (socket) => urls.push(socket.url()));
page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(error.message));
await page.exposeFunction("complain", (text) => complaints.push(text));
await page.addInitScript(() =>
  document.addEventListener("securitypolicyviolation", (event) => window.complain(`${event.violatedDirective} forbids ${event.blockedURI}`)),
);

const QUERY = ".graphiql-query-editor .CodeMirror";
const HEADERS = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror";

/** Replaces an editor's text as a person who pastes. */
async function paste(editor, text) {
  await page.click(editor);
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

const result = () => page.locator(".result-window").innerText();
const showsResult = (text) => page.locator(".result-window", { hasText: text }).waitFor({ timeout: 10_000 });

/** A case that leaves a picture behind when it fails. */
const pictured = (run) => async () => {
  try {
    await run();
  } catch (error) {
    const path = join(mkdtempSync(join(tmpdir(), "fixpath-graphiql-")), "page.png");
    await page.screenshot({ path });
    throw new Error(`${error.message} (see ${path}; complaints: ${JSON.stringify(complaints)})`);
  }
};

const cases = {
  "the page loads": async () => {
    await page.goto(`${base}/graphiql`);
    await page.waitForSelector(".graphiql-execute-button");
  },
  "the query that is there at first works signed out": async () => {
    await page.click(".graphiql-execute-button");
    await showsResult(/"__typename": "Query"/);
    assert.match(await result(), /"viewer": null/);
  },
  "documentation, explorer and dialogs open": async () => {
    await page.click('button[aria-label="Show Documentation Explorer"]');
    await page.locator(".graphiql-doc-explorer", { hasText: "Subscription" }).waitFor({ timeout: 10_000 });
    await page.click('button[aria-label="Show GraphiQL Explorer"]');
    await page.locator(".graphiql-explorer-root", { hasText: "viewer" }).waitFor({ timeout: 10_000 });
    for (const dialog of ["Open short keys dialog", "Open settings dialog"]) {
      await page.click(`button[aria-label="${dialog}"]`);
      await page.locator(".graphiql-dialog").waitFor({ timeout: 10_000 });
      await page.keyboard.press("Escape");
      await page.locator(".graphiql-dialog").waitFor({ state: "detached", timeout: 10_000 });
    }
  },
  "a query sends the token of the header editor": async () => {
    await paste(HEADERS, JSON.stringify({ Authorization: `Bearer ${token}` }));
    await page.click(".graphiql-execute-button");
    await showsResult(username);
  },
  "a subscription shows events": async () => {
    await paste(QUERY, `subscription Watch { sessionUpdated(id: "${session.id}") { revision status } }`);
    // GraphiQL reads what is typed after a moment; until then it would run the operation that was there.
    await page.locator(".graphiql-tab", { hasText: "Watch" }).waitFor({ timeout: 10_000 });
    await page.keyboard.press("Control+Enter");
    const isShown = async () => (await result()).includes("sessionUpdated");
    const { revision } = await noteUntil(isShown, session, token);
    await showsResult(`"revision": ${revision}`);
  },
  "no request left for another host": () => assert.deepEqual(urls.filter((url) => !["localhost", ""].includes(new URL(url).hostname)), []),
  "nothing was complained of": () => assert.deepEqual(complaints, []),
};
for (const [sentence, run] of Object.entries(cases)) cases[sentence] = pictured(run);
process.on("exit", () => browser.close());
await judge("graphiql", cases);
