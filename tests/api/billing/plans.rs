//! Plans as staff change them: what counts at once, what stays with those who bought earlier.

use fixpath::staff::grant::grant;
use serde_json::{Value, json};

use crate::support::stripe;
use crate::support::{Actor, TestApp};

pub async fn staff(app: &TestApp) -> Actor {
    let somebody = app.sign_up("support").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    grant(&app.app, "support@example.com").await.unwrap();
    somebody
}

const CREATE: &str = "mutation($input: CreatePlanInput!) { createPlan(input: $input) {
    plan { key name tier revision onSale prices { interval unitAmount { amount currency } } limits { key max } features trialDays }
    userErrors { code message path } } }";
const UPDATE: &str = "mutation($input: UpdatePlanInput!) { updatePlan(input: $input) {
    plan { revision description onSale prices { interval unitAmount { amount } } limits { key max } features }
    userErrors { code message path } } }";
const RETIRE: &str = "mutation($input: RetirePlanInput!) { retirePlan(input: $input) { plan { onSale } userErrors { code message } } }";

fn input(changes: &[(&str, Value)]) -> Value {
    let mut input = json!({
        "key": "team", "name": "Team", "tier": "STARTER", "trialDays": 7, "features": ["SUBTREES"],
        "prices": [{ "interval": "MONTH", "unitAmount": { "amount": 1900, "currency": "EUR" } }],
        "limits": [{ "key": "SEATS", "max": 5 }, { "key": "TREES", "max": null }, { "key": "SESSIONS_PER_MONTH", "max": 100 }],
    });
    for (name, value) in changes {
        input[*name] = value.clone();
    }
    json!({ "input": input })
}

async fn keys(actor: &Actor) -> Value {
    let plans = actor.ok("{ plans { key } }", json!({})).await.data("plans");
    plans.as_array().unwrap().iter().map(|plan| plan["key"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_changed_and_retired() {
    let app = TestApp::new().await;
    let support = staff(&app).await;
    let made = support.ok(CREATE, input(&[])).await;
    assert_eq!(made.refusals("createPlan"), Vec::<String>::new());
    assert_eq!(made.data("createPlan.plan.limits.1"), json!({ "key": "TREES", "max": null }));
    assert_eq!(keys(&support).await, json!(["free", "starter", "team", "pro", "enterprise"]));
    assert_eq!(support.ok(CREATE, input(&[])).await.refusals("createPlan"), ["TAKEN"]);

    let dearer = json!([{ "interval": "MONTH", "unitAmount": { "amount": 3900, "currency": "EUR" } },
        { "interval": "YEAR", "unitAmount": { "amount": 39000, "currency": "EUR" } }]);
    let change = json!({ "input": { "key": "team", "revision": 1, "prices": dearer, "description": "For two." } });
    let changed = support.ok(UPDATE, change.clone()).await;
    assert_eq!(changed.data("updatePlan.plan.revision"), 2);
    assert_eq!(changed.data("updatePlan.plan.prices.1.unitAmount.amount"), 39000);
    assert_eq!(changed.data("updatePlan.plan.features"), json!(["SUBTREES"]), "what is left out stays");
    assert_eq!(support.ok(UPDATE, change).await.refusals("updatePlan"), ["REVISION_CONFLICT"]);
    let prices = "SELECT unit_amount, retired_at IS NULL AS current FROM plan_prices JOIN plans ON plans.id = plan_id \
         WHERE plans.key = 'team' ORDER BY unit_amount";
    let expected =
        [(1900, false), (3900, true), (39000, true)].map(|(amount, current)| json!({ "unit_amount": amount, "current": current }));
    assert_eq!(app.db_rows(prices).await, json!(expected), "a changed amount is another price");

    // Taken once, and Stripe sells nothing for it: that keeps nobody from taking it off sale.
    app.db_execute("UPDATE plan_prices SET currency = 'EUO' FROM plans WHERE plans.id = plan_id AND plans.key = 'team'").await;
    let retired = support.ok(RETIRE, json!({ "input": { "key": "team", "revision": 2 } })).await;
    assert_eq!(retired.data("retirePlan.plan.onSale"), false);
    assert_eq!(keys(&support).await, json!(["free", "starter", "pro", "enterprise"]));
    let all = support.ok("{ staff { plans { key } for_sale: plans(includeRetired: false) { key } } }", json!({})).await;
    assert_eq!(all.data("staff.plans").as_array().unwrap().len(), 5);
    assert_eq!(all.data("staff.for_sale").as_array().unwrap().len(), 4);
    let free = support.ok(RETIRE, json!({ "input": { "key": "free", "revision": 1 } })).await;
    assert_eq!(free.refusals("retirePlan"), ["WRONG_STATE"]);
    let lines = app.db_rows("SELECT action, subject FROM audit_entries WHERE action LIKE '%Plan' ORDER BY action").await;
    let line = |action| json!({ "action": action, "subject": "team" });
    assert_eq!(lines, json!([line("createPlan"), line("retirePlan"), line("updatePlan")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    let support = staff(&app).await;
    let price = |amount: i64, currency: &str| json!({ "interval": "MONTH", "unitAmount": { "amount": amount, "currency": currency } });
    for (changes, code, field) in [
        (("key", json!("Team")), "INVALID", "key"),
        (("name", json!(" ")), "REQUIRED", "name"),
        (("prices", json!([])), "REQUIRED", "prices"),
        (("prices", json!([price(1, "EUR"), price(2, "EUR")])), "INVALID", "prices"),
        (("prices", json!([price(-1, "EUR")])), "INVALID", "prices"),
        (("prices", json!([price(1, "euro")])), "INVALID", "prices"),
        (("prices", json!([price(1900, "eur")])), "INVALID", "prices"),
        (("prices", json!([price(1900, "ZZZ")])), "INVALID", "prices"),
        (("prices", json!([price(100_000_000, "EUR")])), "INVALID", "prices"),
        (("prices", json!([price(1999, "KWD")])), "INVALID", "prices"),
        (("prices", json!([price(150, "ISK")])), "INVALID", "prices"),
        (("limits", json!([])), "REQUIRED", "limits"),
        (("limits", json!([{ "key": "SEATS" }, { "key": "SEATS" }])), "INVALID", "limits"),
        (("trialDays", json!(731)), "INVALID", "trialDays"),
    ] {
        let refused = support.ok(CREATE, input(std::slice::from_ref(&changes))).await;
        let error = refused.data("createPlan.userErrors.0");
        assert_eq!((&error["code"], &error["path"]), (&json!(code), &json!([field])), "{changes:?}: {error}");
    }
    let unknown = json!({ "input": { "key": "pro", "revision": 1, "prices": [price(1900, "ZZZ")] } });
    assert_eq!(support.ok(UPDATE, unknown).await.refusals("updatePlan"), ["INVALID"]);
    assert_eq!(support.ok(CREATE, input(&[("prices", json!([price(1990, "KWD")]))])).await.refusals("createPlan"), Vec::<String>::new());
    let nobody = support.ok(UPDATE, json!({ "input": { "key": "gone", "revision": 1 } })).await;
    assert_eq!(nobody.refusals("updatePlan"), ["NOT_FOUND"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_at_once_and_an_old_price_is_still_known() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let prices = json!([{ "interval": "MONTH", "unitAmount": { "amount": 9900, "currency": "USD" } }]);
    let limits = json!([{ "key": "SEATS", "max": 1 }, { "key": "TREES", "max": 7 }, { "key": "SESSIONS_PER_MONTH", "max": 1 }]);
    let change = json!({ "input": { "key": "pro", "revision": 1, "prices": prices, "limits": limits } });
    assert_eq!(support.ok(UPDATE, change).await.refusals("updatePlan"), Vec::<String>::new());
    let seen = owner.ok("{ viewer { account { limits { key max } } } }", json!({})).await;
    assert_eq!(seen.data("viewer.account.limits.1.max"), 7);
    // The subscription goes on at the price that is not sold any more.
    app.expect(&story.event("customer.subscription.updated", 9, story.state("past_due", 0, &[])), "completed").await;
    assert_eq!(app.db_value("SELECT p.key FROM subscriptions s JOIN plans p ON p.id = plan_id WHERE provider = 'stripe'").await, "pro");
}
