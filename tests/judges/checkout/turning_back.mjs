// Whoever turns back on the payment page.
import assert from "node:assert/strict";
import { Person } from "./person.mjs";
import { origin } from "./shop.mjs";
import { stripe } from "./stripe.mjs";

export default {
  "turning back buys nothing, and the same page or another one can be gone to": async () => {
    const gus = await Person.arrive("gus");
    const first = await gus.goesToPay("startCheckout", { planKey: "starter", seats: 1 });
    await gus.page.click("a:text('Cancel and go back')");
    await gus.page.waitForURL(`${origin}/plans`);
    await gus.shows({ plan: "pro TRIALING 1", payments: "", synced: "", refused: "" });
    assert.equal(await gus.goesToPay("startCheckout", { planKey: "starter", seats: 1 }), first, "the same wish, the same page");
    const { url } = await stripe.object(first);
    await gus.page.goBack();
    await gus.shows({ plan: "pro TRIALING 1" });
    await gus.buys("startCheckout", { planKey: "enterprise", seats: 1 });
    await gus.shows({ plan: "enterprise ACTIVE 1", payments: "SUCCEEDED 5900" });
    const old = await gus.context.newPage();
    await old.goto(url);
    assert.equal(await old.innerText("h1"), "This page has expired", "nobody pays on two pages");
    assert.equal((await gus.account("payments { nodes { id } }")).payments.nodes.length, 1);
  },
};
