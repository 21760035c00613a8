// What is paid once: credits, and a tree that another account sells.
import assert from "node:assert/strict";
import { send } from "../support.mjs";
import { Person } from "./person.mjs";
import { stripe } from "./stripe.mjs";

/** A published tree on sale for 20.01 USD; its id. */
async function onSale(seller) {
  const [template] = await send("Templates", {}, seller.token);
  const { tree } = await send("CreateTree", { input: { title: "Printer", source: { template: template.key } } }, seller.token);
  await send("PublishTree", { input: { id: tree.id, revision: tree.revision } }, seller.token);
  await seller.change("listTree", { treeId: tree.id, price: { amount: 2001, currency: "USD" } });
  await seller.shows({ refused: "" });
  return tree.id;
}

const walks = (person, id) => send("StartSession", { input: { tree: { id } } }, person.token);

export default {
  "credits are there when one is back, once, and a refund takes them back": async () => {
    const kim = await Person.arrive("kim");
    await kim.shows({ credits: "0" });
    const session = await kim.buys("buyCredits", { packKey: "credits-100" });
    await kim.shows({ credits: "100", payments: "SUCCEEDED 1000", plan: "pro TRIALING 1" });
    await kim.page.reload();
    await kim.shows({ synced: "yes", credits: "100", payments: "SUCCEEDED 1000" });
    const { credits } = await kim.account("credits { balance entries { nodes { delta kind } } }");
    assert.deepEqual(credits, { balance: 100, entries: { nodes: [{ delta: 100, kind: "PURCHASE" }] } });
    await stripe.press((await stripe.payment(session)).id, "Refund");
    await kim.shows({ credits: "0", payments: "REFUNDED 1000" });
  },

  "a tree that another account sells can be walked once it is paid, and no more once it is paid back; both apps hear of it": async () => {
    const [seller, buyer] = [await Person.arrive("lou"), await Person.arrive("may")];
    const tree = await onSale(seller);
    await assert.rejects(walks(buyer, tree), /NOT_FOUND/, "not before it is bought");
    const session = await buyer.buys("purchaseTree", { treeId: tree });
    await buyer.shows({ bought: "Printer ACTIVE", payments: "SUCCEEDED 2001" });
    await seller.shows({ sold: "Printer ACTIVE" });
    assert.ok((await walks(buyer, tree)).session.id);
    await buyer.page.reload();
    await buyer.shows({ synced: "yes", bought: "Printer ACTIVE", payments: "SUCCEEDED 2001" });
    await stripe.press((await stripe.payment(session)).id, "Refund");
    await buyer.shows({ bought: "Printer REFUNDED", payments: "REFUNDED 2001" });
    await seller.shows({ sold: "Printer REFUNDED" });
    await assert.rejects(walks(buyer, tree), /NOT_FOUND/, "the access went with the money");
  },
};
