// Somebody with a browser of their own.
import { base, within } from "../support.mjs";
import { mailed } from "./mail.mjs";
import { browser, complaints, origin } from "./shop.mjs";
import { stripe } from "./stripe.mjs";

/** How long something may take to be seen. */
const PATIENCE = 15_000;
let people = 0;
const run = `${Date.now()}-${process.pid}`;

/** Somebody with an account, whose address is verified. */
export class Person {
  /** `mailbox`: of whom has an account already; nobody gets two trials. */
  static async arrive(name, mailbox) {
    const person = new Person();
    people += 1;
    const username = `${name}-${people}-${run}`;
    person.mailbox = mailbox ?? username;
    const email = mailbox ? `${mailbox}+${people}@example.com` : `${username}@example.com`;
    person.context = await browser.newContext();
    person.context.setDefaultTimeout(PATIENCE);
    person.context.on("weberror", (error) => complaints.push(`${name}: ${error.error().message}`));
    person.page = await person.context.newPage();
    await person.page.goto(`${origin}/plans`);
    const input = { email, username, password: "correct horse battery staple" };
    // Only a few may sign up from one address in a minute: each of them comes from another.
    const address = { "x-forwarded-for": `192.0.2.${people}` };
    await person.page.route(`${base}/graphql`, (route) => route.continue({ headers: { ...route.request().headers(), ...address } }));
    person.token = await person.page.evaluate((input) => window.app.signUp(input), input);
    await person.page.unroute(`${base}/graphql`);
    const token = await within(15, `the mail to ${email}`, mailed(email));
    if (!(await person.page.evaluate((token) => window.app.verify(token), token))) throw new Error(`${email} is not verified`);
    return person;
  }

  /** Waits until the app shows these texts, each at its place. */
  async shows(texts, page = this.page) {
    for (const [id, text] of Object.entries(texts)) {
      const exact = new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
      await page.locator(`#${id}`).filter({ hasText: exact }).waitFor({ state: "attached" }).catch(async () => {
        throw new Error(`#${id} shows "${await page.textContent(`#${id}`)}", not "${text}"`);
      });
    }
  }

  /** What the API itself says of the account. */
  async account(fields) {
    const headers = { "content-type": "application/json", authorization: `Bearer ${this.token}` };
    const body = JSON.stringify({ query: `{ viewer { account { ${fields} } } }` });
    const { data, errors } = await (await fetch(`${base}/graphql`, { method: "POST", headers, body })).json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data.viewer.account;
  }

  change(mutation, input) {
    return this.page.evaluate(([mutation, input]) => window.app.change(mutation, input), [mutation, input]);
  }

  /** Goes to the page to pay on; the session's id. */
  async goesToPay(mutation, what, page = this.page) {
    await page.evaluate(([mutation, what]) => void window.app.buy(mutation, what), [mutation, what]);
    await page.waitForURL(/\/c\/pay\//);
    const { origin, pathname } = new URL(page.url());
    stripe.origin = origin;
    return pathname.split("/").at(-1);
  }

  async pays(card, page = this.page) {
    await page.check(`input[name=card][value=${card}]`);
    await page.click("button[type=submit]");
  }

  /** Pays and comes back; the session's id. */
  async buys(mutation, what, card = "works") {
    const session = await this.goesToPay(mutation, what);
    await this.pays(card);
    await this.page.waitForURL(`${origin}/thanks?session_id=${session}`);
    await this.shows({ synced: "yes", refused: "" });
    return session;
  }
}
