// The app: a page of another origin than the server's, which knows fetch and server-sent events and nothing else. It keeps its token as
// apps do that have no cookie, and shows what `billingUpdated` tells; what its own changes answer is shown only where it is a refusal.
const api = document.documentElement.dataset.api;
const show = (id, text) => (document.getElementById(id).textContent = text);

const ACCOUNT = `{
  subscription { status seats plan { key } pendingPlan { key } cancelAt needsAttention }
  entitlements { plan { key } }
  credits { balance }
  payments(first: 3) { nodes { status amount { amount } hostedInvoiceUrl } }
  purchases(first: 3) { nodes { treeTitle status } }
  sales(first: 3) { nodes { treeTitle status } }
}`;

function post(query, variables, accept = "application/json") {
  const token = localStorage.getItem("token");
  const headers = { "content-type": "application/json", accept, ...(token && { authorization: `Bearer ${token}` }) };
  return fetch(`${api}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
}

/** What a mutation answers. A refusal is shown; whatever else goes wrong is an error of the page. */
async function mutate(name, input, fields) {
  const query = `mutation($input: ${name[0].toUpperCase()}${name.slice(1)}Input!) { done: ${name}(input: $input) { ${fields} userErrors { message } } }`;
  const { data, errors } = await (await post(query, { input })).json();
  if (errors) throw new Error(JSON.stringify(errors));
  show("refused", data.done.userErrors[0]?.message ?? "");
  return data.done;
}

function showAccount({ subscription, entitlements, credits, payments, purchases, sales }) {
  const { plan, status, seats, cancelAt, pendingPlan, needsAttention } = subscription ?? {};
  const words = subscription && [plan.key, status, seats, cancelAt && "ends", pendingPlan && `then ${pendingPlan.key}`];
  show("plan", words?.filter(Boolean).join(" ") ?? "nothing");
  show("attention", needsAttention ?? "");
  show("access", entitlements.plan.key);
  show("credits", credits.balance);
  show("payments", payments.nodes.map(({ status, amount }) => `${status} ${amount.amount}`).join(", "));
  show("bought", purchases.nodes.map(({ treeTitle, status }) => `${treeTitle} ${status}`).join(", "));
  show("sold", sales.nodes.map(({ treeTitle, status }) => `${treeTitle} ${status}`).join(", "));
  document.getElementById("invoice").href = payments.nodes[0]?.hostedInvoiceUrl ?? "";
}

/** The account as it is now, and then after every change. */
async function watch() {
  const response = await post(`subscription { billingUpdated ${ACCOUNT} }`, {}, "text/event-stream");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) throw new Error("billingUpdated has ended");
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const line = event.split("\n").find((line) => line.startsWith("data: {"));
      if (line) showAccount(JSON.parse(line.slice("data: ".length)).data.billingUpdated);
    }
  }
}

window.app = {
  async signUp(input) {
    const { accessToken, userErrors } = await mutate("signUp", input, "accessToken");
    if (!accessToken) throw new Error(userErrors[0].message);
    localStorage.setItem("token", accessToken);
    watch();
    return accessToken;
  },
  async verify(token) {
    return (await mutate("verifyEmail", { token }, "user { emailVerified }")).user?.emailVerified;
  },
  /** Goes to a page to pay on. */
  async buy(mutation, what) {
    const input = { ...what, successUrl: `${location.origin}/thanks`, cancelUrl: `${location.origin}/plans` };
    const { checkout } = await mutate(mutation, input, "checkout { url }");
    if (checkout) location.assign(checkout.url);
  },
  async portal() {
    location.assign((await mutate("openBillingPortal", { returnUrl: `${location.origin}/plans` }, "url")).url);
  },
  async preview(what) {
    const { preview } = await mutate("previewPlanChange", what, "preview { dueNow { amount } nextInvoice { amount } }");
    show("preview", `${preview.dueNow.amount} now, then ${preview.nextInvoice.amount}`);
  },
  change: (mutation, input) => mutate(mutation, input, "").then(() => {}),
};

const session = new URLSearchParams(location.search).get("session_id");
if (localStorage.getItem("token")) watch();
if (session) mutate("syncCheckout", { checkoutSessionId: session }, "").then(() => show("synced", "yes"));
