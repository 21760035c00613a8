// Buying as a single-page app sees it, in headless Chromium: our own page on another origin, which knows fetch and server-sent events and
// nothing else, and the sandbox's pages. Each file of checkout/ is one way of buying; what is asserted is what the app shows, without being
// asked to look again, and what the API says.
import assert from "node:assert/strict";
import buyingOnce from "./checkout/buying_once.mjs";
import changing from "./checkout/changing.mjs";
import delayed from "./checkout/delayed.mjs";
import paying from "./checkout/paying.mjs";
import { complaints } from "./checkout/shop.mjs";
import turningBack from "./checkout/turning_back.mjs";
import { judge } from "./support.mjs";

await judge("checkout", {
  ...paying,
  ...delayed,
  ...turningBack,
  ...changing,
  ...buyingOnce,
  "nothing went wrong in any page": () => assert.deepEqual(complaints, []),
});
