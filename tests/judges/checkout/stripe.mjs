// Stripe's side of the world, which the sandbox plays: what it knows, and the buttons of its dashboard.
import { browser } from "./shop.mjs";

export const stripe = {
  /** Where it is: known from the first page to pay on. */
  origin: undefined,
  dashboard: undefined,

  async objects(kind) {
    const { objects } = await (await fetch(`${this.origin}/sandbox/state`)).json();
    return objects.filter(({ object }) => object === kind);
  },
  async object(id) {
    const { objects } = await (await fetch(`${this.origin}/sandbox/state`)).json();
    return objects.find((object) => object.id === id);
  },
  /** The newest payment of whoever went to pay in that session. */
  async payment(session) {
    const { customer } = await this.object(session);
    return (await this.objects("payment_intent")).filter((intent) => intent.customer === customer).at(-1);
  },
  /** Presses a button in the dashboard's row about that object. */
  async press(id, button) {
    this.dashboard ??= await browser.newPage();
    await this.dashboard.goto(`${this.origin}/sandbox`);
    const row = this.dashboard.locator("tr", { has: this.dashboard.locator("code", { hasText: id }) });
    await row.getByRole("button", { name: button, exact: true }).click();
  },
  async passes(seconds) {
    const headers = { "content-type": "application/json" };
    await fetch(`${this.origin}/sandbox/actions`, { method: "POST", headers, body: JSON.stringify({ do: "advance", seconds }) });
  },
};
