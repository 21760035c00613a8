// Changing what one has: plan, seats, and whether it goes on. The app hears of each.
import assert from "node:assert/strict";
import { Person } from "./person.mjs";
import { origin } from "./shop.mjs";
import { stripe } from "./stripe.mjs";

const HALF_A_MONTH = 15 * 86_400;
const PAYMENTS = "subscription { providerId } payments { nodes { status amount { amount } description } }";
const preview = (person, what) => person.page.evaluate((what) => window.app.preview(what), what);

export default {
  "an upgrade costs what the preview said and is had at once; a downgrade costs nothing and waits for the period's end": async () => {
    const hal = await Person.arrive("hal");
    await hal.buys("startCheckout", { planKey: "starter", seats: 1 });
    await hal.shows({ plan: "starter ACTIVE 1", payments: "SUCCEEDED 1200" });
    await stripe.passes(HALF_A_MONTH);
    await preview(hal, { planKey: "pro" });
    const [, due] = /^(\d+) now, then 2900$/.exec(await hal.page.textContent("#preview"));
    assert.ok(Number(due) > 700 && Number(due) < 1000, `about half of the difference of 17.00: ${due}`);
    await hal.shows({ plan: "starter ACTIVE 1" });
    await hal.change("changePlan", { planKey: "pro" });
    await hal.shows({ refused: "", plan: "pro ACTIVE 1", access: "pro", payments: `SUCCEEDED ${due}, SUCCEEDED 1200` });
    const { subscription, payments } = await hal.account(PAYMENTS);
    const [{ status, amount, description }] = payments.nodes;
    assert.deepEqual([status, amount.amount], ["SUCCEEDED", Number(due)]);
    assert.match(description, /^Remaining time on Pro after /);
    const { latest_invoice: invoice } = await stripe.object(subscription.providerId);
    assert.equal((await stripe.object(invoice)).total, Number(due), "so says the invoice");

    await preview(hal, { planKey: "starter" });
    await hal.shows({ preview: "0 now, then 1200" });
    await hal.change("changePlan", { planKey: "starter" });
    await hal.shows({ refused: "", plan: "pro ACTIVE 1 then starter", access: "pro" });
    await stripe.press(subscription.providerId, "Let the period pass");
    await hal.shows({ plan: "starter ACTIVE 1", access: "starter", payments: `SUCCEEDED 1200, SUCCEEDED ${due}, SUCCEEDED 1200` });
  },

  "more seats are had at once; a cancellation is shown, and so is its taking back": async () => {
    const ivy = await Person.arrive("ivy");
    await ivy.buys("startCheckout", { planKey: "pro", seats: 2 });
    await ivy.shows({ plan: "pro ACTIVE 2" });
    await ivy.change("changeSeats", { seats: 3 });
    await ivy.shows({ refused: "", plan: "pro ACTIVE 3", payments: "SUCCEEDED 2900, SUCCEEDED 5800" });
    await ivy.change("cancelSubscription", {});
    await ivy.shows({ refused: "", plan: "pro ACTIVE 3 ends", access: "pro" });
    await ivy.change("resumeSubscription", {});
    await ivy.shows({ refused: "", plan: "pro ACTIVE 3" });
  },

  "what is done in the billing portal is shown in the app that stands open beside it": async () => {
    const jo = await Person.arrive("jo");
    await jo.buys("startCheckout", { planKey: "pro", seats: 1 });
    await jo.shows({ plan: "pro ACTIVE 1" });
    const portal = await jo.context.newPage();
    await portal.goto(`${origin}/plans`);
    await portal.evaluate(() => void window.app.portal());
    await portal.waitForURL(/\/p\/session\//);
    await portal.selectOption("select[name=price]", { label: "Enterprise: 59.00 USD / month" });
    await portal.fill("input[name=quantity]", "3");
    await portal.click("button[value=change]");
    await jo.shows({ plan: "enterprise ACTIVE 3", access: "enterprise" });
    await portal.click("button[value=cancel]");
    await jo.shows({ plan: "enterprise ACTIVE 3 ends", access: "enterprise" });
    await portal.click("button[value=keep]");
    await jo.shows({ plan: "enterprise ACTIVE 3" });
    await portal.click("a:text('Back')");
    await portal.waitForURL(/\/plans$/);
    await jo.shows({ plan: "enterprise ACTIVE 3" }, portal);
    const { subscription } = await jo.account("subscription { seats plan { key } cancelAt }");
    assert.deepEqual(subscription, { seats: 3, plan: { key: "enterprise" }, cancelAt: null });
  },
};
