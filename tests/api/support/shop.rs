//! An app and the sandbox that plays Stripe for it: both go by one clock, and deliveries arrive when a test says so.

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use fixpath::clock::Clock;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::deliveries::Signed;
use fixpath::stripe::sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{ORIGIN, start};
use super::database::Database;
use super::stripe::SECRET;
use super::{Actor, Answer, TestApp, people};

pub struct Shop {
    pub app: TestApp,
    pub sandbox: Sandbox,
    pub owner: Actor,
}

const SUBSCRIPTION: &str = "subscription { status seats interval plan { key } pendingPlan { key } cancelAt providerId needsAttention
    currentPeriodEnd }";

impl Shop {
    /// The owner had a trial before: what they buy is paid at once.
    pub async fn open() -> Self {
        let clock = Clock::manual(start());
        let options = Options { webhook_secrets: vec![SECRET.to_owned()], seed: 7, ..Options::default() };
        let sandbox = Sandbox::start(clock.clone(), options).await.unwrap();
        let variables = [
            ("STRIPE_SECRET_KEY", sandbox.secret_key().to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("STRIPE_API_BASE", sandbox.base_url().to_owned()),
        ];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let app = TestApp::at(clock, Database::new().await, &variables).await;
        let owner = app.sign_up("owner").await;
        app.db_verify("owner").await;
        let shop = Self { app, sandbox, owner };
        shop.had_trial(&shop.owner).await;
        shop
    }

    pub async fn had_trial(&self, owner: &Actor) {
        let account = Uuid::from(people::ids(owner).await.1);
        let sql = format!(
            "INSERT INTO trial_grants (mailbox, account_id, created_at) VALUES (sha256('{account}'), '{account}', now()) ON CONFLICT DO NOTHING;
             DELETE FROM subscriptions WHERE provider = 'none' AND account_id = '{account}'"
        );
        self.app.db_execute(&sql).await;
    }

    /// As a client would configure itself.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("STRIPE_SECRET_KEY", self.sandbox.secret_key().to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("STRIPE_API_BASE", self.sandbox.base_url().to_owned()),
        ]
    }

    /// PRO by the month for one seat, with these fields on top.
    pub fn wish(more: Value) -> Value {
        let mut input = json!({
            "planKey": "pro", "successUrl": format!("{ORIGIN}/thanks"), "cancelUrl": format!("{ORIGIN}/plans"),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    }

    pub async fn start_as(&self, actor: &Actor, more: Value) -> Answer {
        let query = "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) {
            checkout { id url expiresAt } userErrors { code message path } } }";
        actor.ok(query, json!({ "input": Self::wish(more) })).await
    }

    /// The id of the session that was opened.
    pub async fn start(&self, more: Value) -> String {
        let answer = self.start_as(&self.owner, more).await;
        assert_eq!(answer.refusals("startCheckout"), Vec::<String>::new(), "{}", answer.text());
        answer.str("startCheckout.checkout.id")
    }

    pub async fn sync(&self, session: &str) -> Answer {
        let query = format!(
            "mutation($id: String!) {{ syncCheckout(input: {{ checkoutSessionId: $id }}) {{ {SUBSCRIPTION} userErrors {{ code message path }} }} }}"
        );
        self.owner.ok(&query, json!({ "id": session })).await
    }

    /// Any of the mutations that answer with a subscription.
    pub async fn change(&self, mutation: &str, input: Value) -> Answer {
        let name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query =
            format!("mutation($input: {name}!) {{ {mutation}(input: $input) {{ {SUBSCRIPTION} userErrors {{ code message path }} }} }}");
        self.owner.ok(&query, json!({ "input": input })).await
    }

    /// The same, which must not be refused; the subscription.
    pub async fn changed(&self, mutation: &str, input: Value) -> Value {
        let answer = self.change(mutation, input).await;
        assert_eq!(answer.refusals(mutation), Vec::<String>::new(), "{}", answer.text());
        answer.data(&format!("{mutation}.subscription"))
    }

    pub fn pay(&self, session: &str, card: &str) -> Value {
        let pay = Action::Pay { session: session.to_owned(), card: card.to_owned(), email: String::new(), code: String::new() };
        self.sandbox.act(pay).unwrap()["outcome"].clone()
    }

    /// Delivers everything that has happened, in its order; how many there were.
    pub async fn deliver(&self) -> usize {
        // Time catches up first.
        self.sandbox.now();
        let waiting = self.sandbox.take_deliveries();
        for signed in &waiting {
            self.deliver_one(signed).await;
        }
        waiting.len()
    }

    pub async fn deliver_one(&self, signed: &Signed) {
        let request = Request::post("/webhooks/stripe").header("stripe-signature", &signed.signature);
        let answer = self.app.send(request.body(Body::from(signed.body.clone())).unwrap()).await;
        assert_eq!(answer.status, 200, "{}: {}", signed.kind, answer.text());
    }

    /// Time passes, and the owner comes back. Stripe's clock is the same one.
    pub async fn pass(&mut self, by: TimeDelta) {
        self.app.advance(by);
        self.owner = people::device(&self.app, "owner").await.0;
    }

    /// Everything arrives, and what is to be done later is done.
    pub async fn settle(&self) {
        loop {
            let delivered = self.deliver().await;
            self.app.advance(TimeDelta::seconds(3));
            self.app.run_jobs().await;
            if delivered == 0 {
                return;
            }
        }
    }

    /// Subscribed and paid, with everything delivered; the subscription's id.
    pub async fn subscribe(&self, more: Value) -> String {
        let session = self.start(more).await;
        assert_eq!(self.pay(&session, "works"), "paid");
        self.settle().await;
        self.subscription().await["providerId"].as_str().expect("a subscription").to_owned()
    }

    pub async fn subscription(&self) -> Value {
        let query = format!("{{ viewer {{ account {{ {SUBSCRIPTION} }} }} }}");
        self.owner.ok(&query, json!({})).await.data("viewer.account.subscription")
    }

    /// How many objects of that kind Stripe has.
    pub fn count(&self, kind: &str) -> usize {
        self.sandbox.world(|world| world.all(kind).count())
    }

    /// A call of Stripe's API that is not ours: what somebody does in Stripe's dashboard.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/v1/{path}", self.sandbox.base_url());
        let request = reqwest::Client::new().post(url).bearer_auth(self.sandbox.secret_key()).form(form);
        request.send().await.unwrap().json().await.unwrap()
    }
}
