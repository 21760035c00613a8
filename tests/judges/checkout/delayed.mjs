// A bank debit: the money comes days after the checkout, or does not. The app stays open, and is not loaded again.
import assert from "node:assert/strict";
import { Person } from "./person.mjs";
import { stripe } from "./stripe.mjs";

const PRO = { planKey: "pro", seats: 2 };
const WAITS = "A checkout was completed, and its payment is on the way: wait for it.";

/** Somebody whose mailbox had its trial with another account, after paying by debit. */
async function afterDebit(name) {
  const { mailbox } = await Person.arrive(name);
  const person = await Person.arrive(name, mailbox);
  await person.shows({ access: "free" });
  const session = await person.buys("startCheckout", PRO, "delayed");
  await person.shows({ plan: "pro INCOMPLETE 2", access: "free", payments: "PENDING 5800" });
  await person.page.evaluate(() => (window.stays = true));
  return { person, intent: (await stripe.payment(session)).id };
}

const stayed = async ({ page }) => assert.ok(await page.evaluate(() => window.stays), "the page was loaded again");

export default {
  "a plan that is paid by debit is had when the money comes, and the app hears of it": async () => {
    const { person, intent } = await afterDebit("dot");
    await person.change("startCheckout", { ...PRO, successUrl: person.page.url(), cancelUrl: person.page.url() });
    await person.shows({ refused: WAITS });
    await stripe.press(intent, "The money comes");
    await person.shows({ plan: "pro ACTIVE 2", access: "pro", payments: "SUCCEEDED 5800", attention: "" });
    await stayed(person);
    const { entitlements } = await person.account("entitlements { plan { key } reason }");
    assert.match(entitlements.reason, /^The Pro plan is paid, and renews on /);
  },

  "money that does not come gives nothing; the app says so, and leads to an invoice that a card pays": async () => {
    const { person, intent } = await afterDebit("eve");
    await stripe.press(intent, "It does not");
    await person.shows({ payments: "FAILED 5800", plan: "pro INCOMPLETE 2", access: "free", attention: "The last payment failed: check your card." });
    const { entitlements } = await person.account("entitlements { reason }");
    assert.equal(entitlements.reason, "The first payment for the Pro plan has not arrived yet. Until then, the Free plan counts.");
    const invoice = await person.context.newPage();
    await invoice.goto(await person.page.getAttribute("#invoice", "href"));
    await invoice.locator("[name=card]").first().waitFor();
    await invoice.locator("form button").click();
    await person.shows({ plan: "pro ACTIVE 2", access: "pro", payments: "SUCCEEDED 5800", attention: "" });
    await stayed(person);
  },

  "whoever is on trial keeps it while the money is on its way, and can give the purchase up when it does not come": async () => {
    const fay = await Person.arrive("fay");
    const session = await fay.buys("startCheckout", { planKey: "enterprise", seats: 2 }, "delayed");
    await fay.shows({ plan: "pro TRIALING 1", access: "pro", payments: "PENDING 11800" });
    await stripe.press((await stripe.payment(session)).id, "It does not");
    await fay.shows({ payments: "FAILED 11800", plan: "pro TRIALING 1", access: "pro" });
    await fay.change("cancelSubscription", {});
    await fay.shows({ refused: "", plan: "pro TRIALING 1", access: "pro" });
    await fay.buys("startCheckout", { planKey: "enterprise", seats: 2 });
    await fay.shows({ plan: "enterprise ACTIVE 2", access: "enterprise", payments: "SUCCEEDED 11800, VOID 11800" });
  },
};
