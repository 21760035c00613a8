// Cards: one that works, one that is declined, one that the bank asks about.
import assert from "node:assert/strict";
import { Person } from "./person.mjs";
import { origin, visits } from "./shop.mjs";
import { stripe } from "./stripe.mjs";

const ENTERPRISE = { planKey: "enterprise", seats: 2 };
const EVERYTHING = `
  subscription { id status seats plan { key } interval currentPeriodEnd provider providerId }
  entitlements { plan { key } features reason until }
  payments { nodes { id status amount { amount currency } paidAt } }
  credits { balance entries { nodes { delta } } }`;

export default {
  "a card that works gives the plan by the time one is back, and coming back twice more changes nothing": async () => {
    const ann = await Person.arrive("ann");
    await ann.shows({ plan: "pro TRIALING 1", access: "pro", payments: "" });
    await ann.goesToPay("startCheckout", ENTERPRISE);
    assert.match(await ann.page.innerText("h1"), /118\.00 USD now/);
    await ann.pays("works");
    await ann.page.waitForURL(/\/thanks\?session_id=cs_/);
    await ann.shows({ synced: "yes", plan: "enterprise ACTIVE 2", access: "enterprise", payments: "SUCCEEDED 11800", refused: "" });
    const before = await ann.account(EVERYTHING);
    assert.deepEqual([before.subscription.provider, before.payments.nodes.length], ["STRIPE", 1]);
    assert.ok(before.entitlements.features.includes("PRIORITY_SUPPORT"), before.entitlements.reason);
    for (let times = 0; times < 2; times += 1) {
      await ann.page.reload();
      await ann.shows({ synced: "yes", plan: "enterprise ACTIVE 2", payments: "SUCCEEDED 11800", refused: "" });
    }
    assert.deepEqual(await ann.account(EVERYTHING), before);
    const { customer } = await stripe.object(before.subscription.providerId);
    const mine = (await stripe.objects("subscription")).filter((one) => one.customer === customer);
    assert.equal(mine.length, 1, "no other subscription was made");
    await ann.page.goto(`${origin}/plans`);
    await ann.change("startCheckout", { ...ENTERPRISE, successUrl: origin, cancelUrl: origin });
    await ann.shows({ refused: "The account has a subscription, which is active: change that one." });
  },

  "a declined card is told on the page, and so is a payment that is not confirmed; once it is, the plan is there": async () => {
    const bob = await Person.arrive("bob");
    await bob.goesToPay("startCheckout", ENTERPRISE);
    const told = (text) => bob.page.locator("[role=alert]", { hasText: text }).waitFor();
    await bob.pays("declined");
    await told("declined");
    await bob.pays("confirm_once");
    await bob.page.click("button[value=false]");
    await told("did not confirm");
    assert.deepEqual((await bob.account(EVERYTHING)).payments.nodes, []);
    await bob.pays("confirm_once");
    await bob.page.click("button[value=true]");
    await bob.page.waitForURL(/\/thanks\?session_id=cs_/);
    await bob.shows({ synced: "yes", plan: "enterprise ACTIVE 2", payments: "SUCCEEDED 11800" });
  },

  "whoever closes the tab before the way back has the plan all the same: the webhook alone gives it": async () => {
    const cid = await Person.arrive("cid");
    const tab = await cid.context.newPage();
    await tab.goto(`${origin}/plans`);
    const session = await cid.goesToPay("startCheckout", ENTERPRISE, tab);
    // The sandbox takes the payment and answers with the way back, which the tab does not live to see.
    const answered = new Promise((answer) => tab.route(`**/c/pay/${session}`, async (route) => answer(await route.fetch({ maxRedirects: 0 }))));
    cid.pays("works", tab).catch(() => {});
    assert.equal((await answered).headers().location, `${origin}/thanks?session_id=${session}`);
    await tab.close();
    await cid.shows({ plan: "enterprise ACTIVE 2", access: "enterprise", payments: "SUCCEEDED 11800", synced: "" });
    assert.ok(!visits.some((url) => url.includes(session)), "nobody came back");
    assert.equal((await cid.account(EVERYTHING)).subscription.status, "ACTIVE");
  },
};
