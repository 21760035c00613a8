//! `startCheckout`.

use fixpath::id::Id;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::json;

use crate::support::app::ORIGIN;
use crate::support::people;
use crate::support::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_our_price_and_leads_back_to_us() {
    let shop = Shop::open().await;
    let id = shop.start(json!({ "seats": 3 })).await;
    let session = shop.sandbox.object(&id);
    let (user, account) = people::ids(&shop.owner).await;
    assert_eq!((&session["amount_total"], &session["currency"]), (&json!(8700), &json!("usd")));
    assert_eq!(session["client_reference_id"], account.encode());
    assert_eq!((&session["metadata"]["account"], &session["metadata"]["user"]), (&json!(account.encode()), &json!(user.encode())));
    assert_eq!(session["success_url"], format!("{ORIGIN}/thanks?session_id={{CHECKOUT_SESSION_ID}}"));
    let customer = shop.sandbox.object(session["customer"].as_str().unwrap());
    assert_eq!((&customer["email"], &customer["metadata"]["account"]), (&json!("owner@example.com"), &json!(account.encode())));
    shop.pay(&id, "works");
    let paid = shop.sandbox.object(&id);
    let subscription = shop.sandbox.object(paid["subscription"].as_str().unwrap());
    assert_eq!(subscription["metadata"], session["metadata"], "the subscription carries them, too");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wish_gets_the_same_page_and_another_wish_closes_it() {
    let mut shop = Shop::open().await;
    let first = shop.start(json!({})).await;
    assert_eq!(shop.start(json!({})).await, first);
    let second = shop.start(json!({ "seats": 2 })).await;
    assert_ne!(second, first);
    assert_eq!(shop.sandbox.object(&first)["status"], "expired");
    assert_eq!(shop.sandbox.object(&second)["status"], "open");
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT count(*) FROM checkouts WHERE status = 'open'").await, 1);
    // An hour before its end nobody is sent to a page any more.
    shop.pass(chrono::TimeDelta::minutes(22 * 60 + 30)).await;
    assert_ne!(shop.start(json!({ "seats": 2 })).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_one_page() {
    let shop = Shop::open().await;
    let first = shop.start(json!({ "idempotencyKey": "k1" })).await;
    assert_eq!(shop.start(json!({ "idempotencyKey": "k1" })).await, first);
    let other = shop.start_as(&shop.owner, json!({ "idempotencyKey": "k1", "seats": 2 })).await;
    assert_eq!(other.refusals("startCheckout"), ["INVALID"]);
    assert_eq!(shop.count("checkout.session"), 1);
    let second = shop.start(json!({ "idempotencyKey": "k2" })).await;
    assert_ne!(second, first);
    // Also when it is over.
    assert_eq!(shop.start(json!({ "idempotencyKey": "k1" })).await, first);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_stripe_refuses_keeps_nobody_from_buying() {
    let shop = Shop::open().await;
    shop.app.db_execute("UPDATE users SET email = 'owner@localhost'").await;
    shop.start(json!({})).await;
    assert_eq!(shop.count("customer"), 1);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_bought_is_refused_in_a_sentence() {
    let shop = Shop::open().await;
    let refused = async |more| {
        let answer = shop.start_as(&shop.owner, more).await;
        let error = answer.data("startCheckout.userErrors.0");
        format!("{} {}: {}", error["code"].as_str().unwrap(), error["path"], error["message"].as_str().unwrap())
    };
    insta::assert_snapshot!(
        [
            refused(json!({ "planKey": "gold" })).await,
            refused(json!({ "planKey": "free" })).await,
            refused(json!({ "planKey": "starter", "seats": 11 })).await,
            refused(json!({ "seats": 0 })).await,
            refused(json!({ "successUrl": "https://evil.example/thanks" })).await,
            refused(json!({ "promotionCode": "NOTHING" })).await,
        ].join("\n"),
        @r#"
    PLAN_UNAVAILABLE ["planKey"]: There is no plan `gold` on sale by the month.
    PLAN_UNAVAILABLE ["planKey"]: The plan `free` costs nothing: it is there without a checkout.
    PLAN_LIMIT ["seats"]: The Starter plan has at most 10 seats, not 11.
    INVALID ["seats"]: `seats` must be from 1 to 10000, not 0.
    INVALID ["successUrl"]: `successUrl` leads to https://evil.example, which ALLOWED_ORIGINS does not list.
    INVALID ["promotionCode"]: `NOTHING` is no promotion code that can be used.
    "#
    );
    let admin = people::colleague(&shop.app, &shop.owner, "admin", "admin").await;
    assert_eq!(shop.start_as(&admin, json!({ "seats": 2 })).await.refusals("startCheckout"), ["FORBIDDEN"]);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["IN_USE"], "two people need two seats");
    assert_eq!(shop.count("checkout.session"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_subscription_changes_that_one() {
    let shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    let again = shop.start_as(&shop.owner, json!({ "planKey": "enterprise" })).await;
    assert_eq!(again.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_on_the_page_before_counts_although_nobody_has_told_us() {
    let shop = Shop::open().await;
    let first = shop.start(json!({})).await;
    assert_eq!(shop.pay(&first, "works"), "paid");
    // No webhook has come. Closing the first page fails, and tells.
    let second = shop.start_as(&shop.owner, json!({ "planKey": "enterprise" })).await;
    assert_eq!(second.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
    assert_eq!(shop.subscription().await["plan"]["key"], "pro");
    shop.settle().await;
    assert_eq!(shop.count("subscription"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_make_nothing_twice() {
    let shop = Shop::open().await;
    for path in ["/v1/products", "/v1/prices", "/v1/customers", "/v1/checkout/sessions"] {
        shop.sandbox.plan_fault(Fault::ResetAfter, path, 2);
        shop.sandbox.plan_fault(Fault::ServerErrorAfter, path, 1);
    }
    // Three lost answers are one too many for one call: the person tries again.
    while shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout") == ["STRIPE_UNAVAILABLE"] {}
    shop.start(json!({})).await;
    assert_eq!((shop.count("customer"), shop.count("checkout.session"), shop.count("product")), (1, 1, 1));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_for_a_day_is_over_with_the_next_try() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "/v1/checkout/sessions", 1);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    assert_eq!(shop.app.db_rows("SELECT status FROM checkouts").await, json!([{ "status": "expired" }]));
    let page = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&page)["status"], "open");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_about_the_customer_is_over_with_the_next_try_too() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "/v1/customers", 1);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    assert_eq!(shop.app.db_value("SELECT customer_attempt FROM accounts").await, 1);
    // Its name is no reason to wait.
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "/v1/customers/", 1);
    let page = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&page)["status"], "open");
    assert_eq!((shop.count("customer"), shop.app.db_value("SELECT count(*) FROM customers").await), (1, json!(1)));
    assert_eq!(shop.app.db_value("SELECT customer_attempt FROM accounts").await, 1);
    shop.settle().await;
}

/// Stripe is asked twice under one key before it is known that the failure stays, and then under another.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_about_the_page_before_is_over_with_the_next_try_too() {
    for (times, refusals) in [(1, &[][..]), (3, &["STRIPE_UNAVAILABLE"])] {
        let shop = Shop::open().await;
        let before = shop.start(json!({})).await;
        shop.sandbox.plan_fault(Fault::ServerErrorKept, &format!("/v1/checkout/sessions/{before}/expire"), times);
        assert_eq!(shop.start_as(&shop.owner, json!({ "seats": 2 })).await.refusals("startCheckout"), refusals);
        let page = shop.start(json!({ "seats": 2 })).await;
        assert_eq!((&shop.sandbox.object(&before)["status"], &shop.sandbox.object(&page)["status"]), (&json!("expired"), &json!("open")));
        shop.settle().await;
    }
}

/// Rule 13.
#[tokio::test(flavor = "multi_thread")]
async fn without_stripe_everything_else_works() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerError, "/v1/", 30);
    let answer = shop.start_as(&shop.owner, json!({})).await;
    assert_eq!(answer.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    assert_eq!(shop.owner.ok("{ viewer { account { name } } }", json!({})).await.data("viewer.account.name"), "owner's account");
}

/// Rule 13: it takes the call, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_hangs_is_said_to_be_away_before_the_operation_is_cut_off() {
    let shop = Shop::open().await;
    let variables = shop.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).chain([("OPERATION_SECONDS", "3")]).collect();
    let (_, router) = shop.app.second_process_with(&variables);
    let hurried = shop.owner.through(router);
    shop.sandbox.plan_fault(Fault::Timeout, "/v1/", 5);
    for answer in futures_util::future::join_all((0..5).map(|_| shop.start_as(&hurried, json!({})))).await {
        assert_eq!(answer.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"], "{}", answer.text());
    }
    let begun = std::time::Instant::now();
    assert_eq!(shop.start_as(&hurried, json!({})).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "five calls without an answer are enough: nobody is asked");
    let session = shop.start(json!({})).await;
    assert_eq!(shop.pay(&session, "works"), "paid", "what was begun is gone on with");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_was_deleted_at_stripe_becomes_another_one() {
    let shop = Shop::open().await;
    let first = shop.start(json!({})).await;
    let customer = shop.sandbox.object(&first)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::DeleteCustomer { customer: customer.clone() }).unwrap();
    let second = shop.start(json!({ "seats": 2 })).await;
    assert_ne!(shop.sandbox.object(&second)["customer"], customer);
    shop.pay(&second, "works");
    shop.settle().await;
    assert_eq!(shop.subscription().await["seats"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_not_verified_their_address_buys_nothing() {
    let shop = Shop::open().await;
    shop.app.db_execute("UPDATE users SET email_verified_at = NULL").await;
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["EMAIL_NOT_VERIFIED"]);
    for (operation, input) in [("changePlan", json!({ "planKey": "starter" })), ("changeSeats", json!({ "seats": 2 }))] {
        assert_eq!(shop.change(operation, input).await.refusals(operation), ["EMAIL_NOT_VERIFIED"]);
    }
    let credits = "mutation { buyCredits(input: { packKey: \"credits-100\", successUrl: \"http://localhost:3000/\", \
                   cancelUrl: \"http://localhost:3000/\" }) { userErrors { code } } }";
    assert_eq!(shop.owner.ok(credits, json!({})).await.refusals("buyCredits"), ["EMAIL_NOT_VERIFIED"]);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM checkouts").await, 0);
}

/// Whoever tries everything by hand lets time pass in the sandbox, while our own clock goes on as ever.
#[tokio::test(flavor = "multi_thread")]
async fn time_that_has_passed_in_the_sandbox_alone_keeps_nobody_from_buying() {
    let shop = Shop::open().await;
    shop.sandbox.advance(31 * 86_400);
    let left = shop.start(json!({ "planKey": "starter" })).await;
    shop.sandbox.advance(22 * 3_600);
    assert_eq!(shop.sandbox.object(&left)["status"], "open", "a page lasts a day, whenever it was made");
    let page = shop.start(json!({})).await;
    assert_eq!(shop.pay(&page, "works"), "paid");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
    let credits = "mutation { buyCredits(input: { packKey: \"credits-100\", successUrl: \"http://localhost:3000/\", \
                   cancelUrl: \"http://localhost:3000/\" }) { checkout { id } userErrors { code } } }";
    let page = shop.owner.ok(credits, json!({})).await.str("buyCredits.checkout.id");
    shop.sandbox.advance(24 * 3_600);
    assert_eq!(shop.sandbox.object(&page)["status"], "expired");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_code_takes_its_part_off() {
    let shop = Shop::open().await;
    shop.post("coupons", &[("id", "half"), ("percent_off", "50"), ("duration", "forever")]).await;
    shop.post("promotion_codes", &[("promotion[type]", "coupon"), ("promotion[coupon]", "half"), ("code", "HALF")]).await;
    let with = shop.start(json!({ "promotionCode": "HALF" })).await;
    assert_eq!(shop.sandbox.object(&with)["amount_total"], 1450);
    let without = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&without)["allow_promotion_codes"], true, "it can be typed on the page");
    shop.settle().await;
}

/// Whoever has not heard the answer asks again, and meanwhile everything was changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_the_same_page_whatever_became_of_what_was_agreed() {
    let shop = Shop::open().await;
    shop.post("coupons", &[("id", "half"), ("percent_off", "50"), ("duration", "forever")]).await;
    let half = [("promotion[type]", "coupon"), ("promotion[coupon]", "half"), ("code", "HALF")];
    let code = shop.post("promotion_codes", &half).await["id"].as_str().unwrap().to_owned();
    let wish = json!({ "idempotencyKey": "k", "promotionCode": "HALF" });
    // The page is made, and every answer that says so is lost.
    shop.sandbox.plan_fault(Fault::ResetAfter, "/v1/checkout/sessions", 3);
    assert_eq!(shop.start_as(&shop.owner, wish.clone()).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    let dearer = "UPDATE plan_prices SET retired_at = now() FROM plans WHERE plans.id = plan_id AND key = 'pro' AND interval = 'month';
        INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
        SELECT gen_random_uuid(), id, 'month', 9900, 'USD', now() FROM plans WHERE key = 'pro'";
    shop.app.db_execute(dearer).await;
    let page = shop.start(wish.clone()).await;
    assert_eq!((shop.count("checkout.session"), &shop.sandbox.object(&page)["amount_total"]), (1, &json!(1450)));
    shop.post(&format!("promotion_codes/{code}"), &[("active", "false")]).await;
    assert_eq!(shop.start(wish.clone()).await, page, "the code is used up");
    people::colleague(&shop.app, &shop.owner, "second", "technician").await;
    assert_eq!(shop.start(wish.clone()).await, page, "a seat more is taken");
    shop.app.db_execute("UPDATE plans SET on_sale = false WHERE key = 'pro'").await;
    assert_eq!(shop.start(wish.clone()).await, page, "the plan is retired");
    for (field, other) in [
        ("planKey", json!("starter")),
        ("planKey", json!("gold")),
        ("interval", json!("YEAR")),
        ("seats", json!(2)),
        ("promotionCode", json!("OTHER")),
        ("promotionCode", json!(null)),
        ("cancelUrl", json!(format!("{ORIGIN}/elsewhere"))),
    ] {
        let mut wish = wish.clone();
        wish[field] = other;
        let refused = shop.start_as(&shop.owner, wish).await;
        assert_eq!(refused.refusals("startCheckout"), ["INVALID"], "{field}");
        assert_eq!(refused.data("startCheckout.userErrors.0.path"), json!(["idempotencyKey"]), "{field}");
    }
    assert_eq!(shop.pay(&page, "works"), "paid");
    shop.settle().await;
    assert_eq!(shop.start(wish).await, page, "it is bought");
    assert_eq!(shop.subscription().await["plan"]["key"], "pro");
}
