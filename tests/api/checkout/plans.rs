//! What is sold, at Stripe.

use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const OFFER: Job = Job::Billing(BillingJob::OfferPlans);

async fn prices(shop: &Shop) -> Value {
    let query = "SELECT plans.key, interval, unit_amount, provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id \
         WHERE retired_at IS NULL AND unit_amount > 0 ORDER BY plans.id, interval";
    shop.app.db_rows(query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_that_costs_something_becomes_a_product_with_its_prices() {
    let shop = Shop::open().await;
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (3, 6));
    for row in prices(&shop).await.as_array().unwrap() {
        let price = shop.sandbox.object(row["provider_price_id"].as_str().unwrap());
        assert_eq!(price["unit_amount"], row["unit_amount"]);
        assert_eq!(price["currency"], "usd");
        assert_eq!(price["recurring"]["interval"], row["interval"]);
    }
    let writes = shop.sandbox.requests("POST", "/v1/");
    shop.app.run_job(&OFFER).await;
    assert_eq!(shop.sandbox.requests("POST", "/v1/"), writes, "nothing is told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_and_not_heard_of_is_found_again() {
    let shop = Shop::open().await;
    for path in ["/v1/products", "/v1/prices"] {
        shop.sandbox.plan_fault(Fault::ResetAfter, path, 2);
    }
    shop.app.run_job(&OFFER).await;
    // Days later, when the idempotency keys are gone.
    shop.app
        .db_execute(
            "UPDATE plans SET provider_product_id = NULL, provider_revision = NULL; UPDATE plan_prices SET provider_price_id = NULL",
        )
        .await;
    shop.app.advance(chrono::TimeDelta::days(3));
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (3, 6));
    assert!(prices(&shop).await.as_array().unwrap().iter().all(|row| row["provider_price_id"].is_string()));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_amount_is_a_new_price_and_subscribers_keep_theirs() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(json!({})).await;
    let old = shop.sandbox.object(&subscription)["items"]["data"][0]["price"]["id"].as_str().unwrap().to_owned();
    let change =
        "UPDATE plan_prices SET retired_at = now() FROM plans WHERE plans.id = plan_id AND plans.key = 'pro' AND interval = 'month';
        INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
        SELECT gen_random_uuid(), id, 'month', 3900, 'USD', now() FROM plans WHERE key = 'pro';
        UPDATE plans SET revision = revision + 1, name = 'Professional' WHERE key = 'pro'";
    shop.app.db_execute(change).await;
    shop.app.run_job(&OFFER).await;
    assert_eq!(shop.sandbox.object(&old)["active"], false);
    let product = shop.sandbox.object(&old)["product"].as_str().unwrap().to_owned();
    assert_eq!(shop.sandbox.object(&product)["name"], "Professional");
    let new = prices(&shop).await.as_array().unwrap().iter().find(|row| row["unit_amount"] == 3900).unwrap()["provider_price_id"].clone();
    assert_eq!(shop.sandbox.object(new.as_str().unwrap())["unit_amount"], 3900);
    // More seats, at the old price.
    shop.changed("changeSeats", json!({ "seats": 2 })).await;
    assert_eq!(shop.sandbox.object(&subscription)["items"]["data"][0]["price"]["id"], old);
    shop.settle().await;
}

/// People read it on the page where they pay.
#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_is_taken_away_is_gone_at_stripe_too() {
    let shop = Shop::open().await;
    shop.app.run_job(&OFFER).await;
    let product = product_of_pro(&shop).await;
    for (description, shown) in [("'For two.'", json!("For two.")), ("NULL", Value::Null)] {
        let change = format!("UPDATE plans SET description = {description}, revision = revision + 1 WHERE key = 'pro'");
        shop.app.db_execute(&change).await;
        shop.app.run_job(&OFFER).await;
        assert_eq!(shop.sandbox.object(&product)["description"], shown);
    }
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_knows_nothing_of_it_is_told_everything_again() {
    let shop = Shop::open().await;
    let unknown = "UPDATE plans SET provider_product_id = 'prod_elsewhere', provider_revision = revision WHERE key = 'pro';
        UPDATE plan_prices SET provider_price_id = 'price_' || interval FROM plans WHERE plans.id = plan_id AND plans.key = 'pro';
        INSERT INTO customers (id, account_id, provider_customer_id, created_at)
        SELECT gen_random_uuid(), id, 'cus_elsewhere', now() FROM accounts";
    shop.app.db_execute(unknown).await;
    shop.subscribe(json!({})).await;
    assert_eq!(shop.subscription().await["plan"]["key"], "pro");
    assert_eq!((shop.count("customer"), shop.count("product")), (1, 1));
}

/// What somebody does in Stripe's dashboard to what PRO costs by the month.
async fn archive(shop: &Shop, what: &str, active: &str) {
    let path = match what {
        "product" => format!("products/{}", product_of_pro(shop).await),
        _ => format!("prices/{}", price_of_pro(shop).await),
    };
    let answer = shop.post(&path, &[("active", active)]).await;
    assert_eq!(answer["active"], active == "true", "{answer}");
    shop.settle().await;
}

async fn product_of_pro(shop: &Shop) -> String {
    shop.app.db_value("SELECT provider_product_id FROM plans WHERE key = 'pro'").await.as_str().unwrap().to_owned()
}

async fn price_of_pro(shop: &Shop) -> String {
    let price = "SELECT provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id \
         WHERE plans.key = 'pro' AND interval = 'month' AND retired_at IS NULL";
    shop.app.db_value(price).await.as_str().unwrap().to_owned()
}

/// What staff see, each alert's sentence.
async fn alerts(shop: &Shop) -> Vec<String> {
    let alerts = shop.app.db_rows("SELECT message FROM alerts WHERE kind = 'plan_differs' AND closed_at IS NULL").await;
    alerts.as_array().unwrap().iter().map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

async fn on_sale(shop: &Shop) -> Vec<String> {
    let plans = shop.owner.ok("{ plans { key } }", json!({})).await.data("plans");
    plans.as_array().unwrap().iter().map(|plan| plan["key"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_at_stripe_cannot_be_bought_and_staff_hear_of_it_until_it_is_undone() {
    for what in ["product", "price"] {
        let shop = Shop::open().await;
        shop.app.sign_up("boss").await;
        shop.app.db_verify("boss").await;
        fixpath::staff::grant::grant(&shop.app.app, "boss@example.com").await.unwrap();
        shop.app.run_job(&OFFER).await;
        shop.settle().await;
        archive(&shop, what, "false").await;
        let told = alerts(&shop).await;
        assert!(told.len() == 1 && told[0].contains(&format!("{what} ")) && told[0].contains("nobody can buy it"), "{told:?}");
        let mail = shop.app.mails().pop().unwrap();
        assert!(mail.to == "boss@example.com" && mail.text.contains("was archived"), "{}: {}", mail.to, mail.text);

        let refused = shop.start_as(&shop.owner, json!({})).await;
        let error = refused.data("startCheckout.userErrors.0");
        let sentence = "This plan cannot be bought at present: nothing was charged. Try again later.";
        assert_eq!(error, json!({ "code": "PLAN_UNAVAILABLE", "message": sentence, "path": ["planKey"] }));
        assert_eq!(shop.app.db_rows("SELECT status FROM checkouts").await, json!([{ "status": "expired" }]), "no page is in the way");
        assert!(on_sale(&shop).await.contains(&"pro".to_owned()), "what we sell is decided here");

        // Another plan is sold as before, and who has it cannot change to that one.
        let id = shop.subscribe(json!({ "planKey": "starter" })).await;
        let refused = shop.change("changePlan", json!({ "planKey": "pro" })).await;
        assert_eq!(refused.refusals("changePlan"), ["PLAN_UNAVAILABLE"]);
        assert_eq!(refused.str("changePlan.userErrors.0.message"), sentence);
        assert_eq!(shop.sandbox.object(&id)["items"]["data"][0]["price"]["unit_amount"], 1200);

        archive(&shop, what, "true").await;
        assert_eq!(alerts(&shop).await, Vec::<String>::new());
        assert_eq!(shop.changed("changePlan", json!({ "planKey": "pro" })).await["plan"]["key"], "pro");
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_plan_that_is_archived_at_stripe_keeps_it_and_can_leave_it() {
    for what in ["product", "price"] {
        let mut shop = Shop::open().await;
        let id = shop.subscribe(json!({ "seats": 2 })).await;
        archive(&shop, what, "false").await;
        assert_eq!(shop.changed("changeSeats", json!({ "seats": 3 })).await["seats"], 3);
        let down = shop.changed("changePlan", json!({ "planKey": "starter" })).await;
        assert_eq!((&down["plan"]["key"], &down["pendingPlan"]["key"]), (&json!("pro"), &json!("starter")));
        shop.settle().await;
        shop.pass(chrono::TimeDelta::days(32)).await;
        shop.settle().await;
        assert_eq!((&shop.subscription().await["plan"]["key"], &shop.sandbox.object(&id)["status"]), (&json!("starter"), &json!("active")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_plan_that_is_sold_no_more_can_take_a_downgrade_back() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    shop.app.db_execute("UPDATE plans SET on_sale = false WHERE key = 'pro'").await;
    shop.changed("changePlan", json!({ "planKey": "starter" })).await;
    shop.settle().await;
    let preview = "mutation { previewPlanChange(input: { planKey: \"pro\" }) { preview { nextInvoice { amount } } userErrors { code } } }";
    let told = shop.owner.ok(preview, json!({})).await;
    assert_eq!(told.data("previewPlanChange.preview.nextInvoice.amount"), 2 * 2900, "{}", told.text());
    let back = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&back["plan"]["key"], &back["pendingPlan"]), (&json!("pro"), &Value::Null));
    shop.settle().await;
    assert_eq!(shop.sandbox.object(&id)["schedule"], Value::Null);
    let other = shop.change("changePlan", json!({ "planKey": "pro", "interval": "YEAR" })).await;
    assert_eq!(other.refusals("changePlan"), ["PLAN_UNAVAILABLE"], "by the year nobody here has it");
}

/// Stripe tells nothing when what was changed there already is now said by us, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_ends_when_staff_change_the_plan_as_stripe_has_it() {
    let shop = Shop::open().await;
    shop.app.sign_up("boss").await;
    shop.app.db_verify("boss").await;
    fixpath::staff::grant::grant(&shop.app.app, "boss@example.com").await.unwrap();
    let boss = crate::support::people::device(&shop.app, "boss").await.0;
    shop.app.run_job(&OFFER).await;
    shop.settle().await;
    archive(&shop, "price", "false").await;
    shop.post(&format!("products/{}", product_of_pro(&shop).await), &[("name", "Professional")]).await;
    shop.settle().await;
    assert_eq!(alerts(&shop).await.len(), 2);
    let update = "mutation($input: UpdatePlanInput!) { updatePlan(input: $input) { userErrors { code } } }";
    let prices = json!([{ "interval": "MONTH", "unitAmount": { "amount": 3900, "currency": "USD" } },
        { "interval": "YEAR", "unitAmount": { "amount": 29000, "currency": "USD" } }]);
    let input = json!({ "input": { "key": "pro", "revision": 1, "name": "Professional", "prices": prices } });
    assert_eq!(boss.ok(update, input).await.refusals("updatePlan"), Vec::<String>::new());
    shop.app.run_job(&OFFER).await;
    shop.settle().await;
    assert_eq!(alerts(&shop).await, Vec::<String>::new());
    let page = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&page)["amount_total"], 3900);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_at_stripe_is_made_anew_for_whoever_wants_to_buy_it() {
    for days in [0, 2] {
        let mut shop = Shop::open().await;
        shop.app.run_job(&OFFER).await;
        shop.settle().await;
        // Who pays an old price is known by it all the same.
        shop.app
            .db_execute(
                "INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, provider_price_id, retired_at, provider_archived_at, created_at)
                 SELECT gen_random_uuid(), id, 'month', 900, 'USD', 'price_of_old', now(), now(), now() FROM plans WHERE key = 'pro'",
            )
            .await;
        // For a day, Stripe answers a key that it knows with what it has made then.
        shop.pass(chrono::TimeDelta::days(days)).await;
        let price = price_of_pro(&shop).await;
        shop.sandbox.world(|world| world.bury(&price, "price.deleted"));
        shop.settle().await;
        let told = alerts(&shop).await;
        assert!(told.len() == 1 && told[0].contains("was deleted; it is made anew"), "{told:?}");
        let page = shop.start(json!({})).await;
        assert_eq!(shop.sandbox.object(&page)["amount_total"], 2900);
        assert_ne!(price_of_pro(&shop).await, price);
        assert_eq!(alerts(&shop).await, Vec::<String>::new(), "nobody has to think of it any more");

        // All of it, as far as Stripe lets anybody delete it.
        shop.pass(chrono::TimeDelta::days(days)).await;
        let product = product_of_pro(&shop).await;
        shop.sandbox.world(|world| {
            for price in world.ids_where("price", "product", &product) {
                world.bury(&price, "price.deleted");
            }
            world.bury(&product, "product.deleted");
        });
        shop.settle().await;
        assert_eq!(alerts(&shop).await.len(), 3, "both prices, and the product");
        let page = shop.start(json!({ "seats": 2 })).await;
        assert_eq!(shop.sandbox.object(&page)["amount_total"], 5800);
        shop.settle().await;
        assert_eq!(alerts(&shop).await, Vec::<String>::new());
        assert_eq!(shop.app.db_value("SELECT count(*) FROM plan_prices WHERE provider_price_id = 'price_of_old'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_a_plan_whose_price_is_gone_succeeds_with_the_next_try() {
    let mut shop = Shop::open().await;
    shop.app.run_job(&OFFER).await;
    let id = shop.subscribe(json!({ "planKey": "starter" })).await;
    shop.pass(chrono::TimeDelta::days(2)).await;
    let price = price_of_pro(&shop).await;
    shop.sandbox.world(|world| world.bury(&price, "price.deleted"));
    shop.settle().await;
    let input = json!({ "planKey": "pro", "idempotencyKey": "up" });
    assert_eq!(shop.change("changePlan", input.clone()).await.refusals("changePlan"), ["PLAN_UNAVAILABLE"]);
    assert_eq!(shop.changed("changePlan", input).await["plan"]["key"], "pro");
    shop.settle().await;
    assert_eq!(shop.sandbox.object(&id)["items"]["data"][0]["price"]["unit_amount"], 2900);
    assert_eq!(alerts(&shop).await, Vec::<String>::new());
}

async fn intervals_of_pro(shop: &Shop) -> Vec<Value> {
    let told = "SELECT upper(interval) AS interval FROM plan_prices JOIN plans ON plans.id = plan_id WHERE plans.key = 'pro' ORDER BY plan_prices.id";
    shop.app.db_rows(told).await.as_array().unwrap().iter().map(|row| row["interval"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_about_a_price_is_over_with_the_next_try_and_keeps_nobody_from_another_price() {
    let shop = Shop::open().await;
    let [first, second] = <[Value; 2]>::try_from(intervals_of_pro(&shop).await).unwrap();
    // Under one key and under another, twice each.
    let fail = || shop.sandbox.plan_fault(Fault::ServerErrorKept, "POST /v1/prices", 4);
    fail();
    shop.start(json!({ "interval": second })).await;
    assert_eq!(shop.count("price"), 1, "the other one has failed");
    fail();
    assert_eq!(shop.start_as(&shop.owner, json!({ "interval": first })).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    shop.start(json!({ "interval": first })).await;
    assert_eq!(shop.count("price"), 2);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_are_told_of_a_failure_that_stripe_keeps_about_a_price_make_one() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "POST /v1/prices", 1);
    let calls = (0..10).map(|_| shop.start_as(&shop.owner, json!({})));
    let answers = futures_util::future::join_all(calls).await;
    // All of them wait for the same.
    let refusals: Vec<_> = answers.iter().flat_map(|answer| answer.refusals("startCheckout")).collect();
    assert_eq!(refusals, Vec::<String>::new());
    assert_eq!((shop.count("price"), shop.count("checkout.session")), (2, 1));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_stripe_fails_to_take_does_not_keep_the_others_from_being_told() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "POST /v1/products", 4);
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (2, 4));
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (3, 6));
    shop.settle().await;
    // The run that has failed would be repeated.
    shop.app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_about_a_product_keeps_nobody_from_buying_at_the_new_price() {
    let shop = Shop::open().await;
    shop.app.run_job(&OFFER).await;
    let change =
        "UPDATE plan_prices SET retired_at = now() FROM plans WHERE plans.id = plan_id AND plans.key = 'pro' AND interval = 'month';
        INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
        SELECT gen_random_uuid(), id, 'month', 3900, 'USD', now() FROM plans WHERE key = 'pro';
        UPDATE plans SET revision = revision + 1, name = 'Professional' WHERE key = 'pro'";
    shop.app.db_execute(change).await;
    let product = product_of_pro(&shop).await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, &format!("POST /v1/products/{product}"), 4);
    let page = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&page)["amount_total"], 3900);
    assert_eq!(shop.sandbox.object(&product)["name"], "Pro");
    shop.app.run_job(&OFFER).await;
    assert_eq!(shop.sandbox.object(&product)["name"], "Professional", "it is told as soon as Stripe takes it");
    shop.settle().await;
}
