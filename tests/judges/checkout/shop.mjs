// The app and who serves it, and the browser in which everything happens.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { base } from "../support.mjs";

/** Where the app is. */
export const origin = process.env.SHOP_ORIGIN;
/** Every address of the app that a browser has asked for. */
export const visits = [];
/** What went wrong in any page of it. */
export const complaints = [];

const SHOWN = ["plan", "attention", "access", "credits", "payments", "bought", "sold", "preview", "refused", "synced"];
const script = readFileSync(new URL("app.js", import.meta.url), "utf8");
const places = SHOWN.map((id) => `<p id="${id}"></p>`).join("");
const html = `<!doctype html><html data-api="${base}"><meta charset="utf-8"><title>Shop</title>${places}<a id="invoice">Invoice</a><script type="module">${script}</script></html>`;
const server = createServer((request, response) => {
  visits.push(request.url);
  response.writeHead(200, { "content-type": "text/html" }).end(html);
});
await new Promise((listening) => server.listen(new URL(origin).port, "127.0.0.1", listening));

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: QUIET });
