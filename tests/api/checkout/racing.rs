//! Rule 5: many at once, from two processes.

use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const START: &str =
    "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { checkout { id } userErrors { code message } } }";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_make_one_customer_and_open_one_page() {
    let shop = Shop::open().await;
    let variables = shop.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (_second, router) = shop.app.second_process_with(&variables);
    let there = shop.owner.through(router);
    let calls = (0..50).map(|number| {
        let actor = if number % 2 == 0 { &shop.owner } else { &there };
        actor.ok(START, json!({ "input": Shop::wish(json!({})) }))
    });
    let answers = futures_util::future::join_all(calls).await;
    let mut pages: Vec<Value> = answers.iter().map(|answer| answer.data("startCheckout.checkout.id")).filter(Value::is_string).collect();
    assert!(pages.len() >= 25, "{:?}", answers.iter().map(|answer| answer.data("startCheckout.userErrors")).collect::<Vec<_>>());
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!((shop.count("customer"), shop.count("checkout.session")), (1, 1));
    assert_eq!(shop.app.db_value("SELECT count(*) FROM checkouts").await, 1);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM customers").await, 1);
    shop.settle().await;
}

/// Those who were told of the failure, and those who ask again already.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_make_one_customer_although_stripe_fails_for_good_first() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ServerErrorKept, "/v1/customers", 1);
    let variables = shop.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (_second, router) = shop.app.second_process_with(&variables);
    let there = shop.owner.through(router);
    let calls = (0..50).map(|number| {
        let actor = if number % 2 == 0 { &shop.owner } else { &there };
        actor.ok(START, json!({ "input": Shop::wish(json!({})) }))
    });
    futures_util::future::join_all(calls).await;
    shop.start(json!({})).await;
    assert_eq!((shop.count("customer"), shop.count("checkout.session")), (1, 1));
    assert_eq!(shop.app.db_rows("SELECT customer_attempt FROM accounts").await, json!([{ "customer_attempt": 1 }]));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn different_wishes_at_once_leave_one_page_open() {
    let shop = Shop::open().await;
    let calls = (1..=6).map(|seats| shop.owner.ok(START, json!({ "input": Shop::wish(json!({ "seats": seats })) })));
    futures_util::future::join_all(calls).await;
    let open = shop.sandbox.world(|world| world.all("checkout.session").filter(|session| session["status"] == "open").count());
    assert!(open <= 1, "{open} pages are open");
    assert_eq!(shop.app.db_value("SELECT count(*) FROM checkouts WHERE status = 'open'").await, open as i64);
    shop.settle().await;
}

/// The plan is changed for as many as there are: that many may be more by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_plan_takes_away_no_seats_that_are_bought_at_that_moment() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "starter", "seats": 2 })).await;
    let path = format!("/v1/subscriptions/{id}");
    shop.sandbox.plan_fault(Fault::Slow, &format!("POST {path}"), 1);
    let reads = shop.sandbox.requests("GET", &path);
    let (plan, seats) = tokio::join!(shop.change("changePlan", json!({ "planKey": "pro" })), async {
        while shop.sandbox.requests("GET", &path) == reads {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        // Its call is the one that is late.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        shop.change("changeSeats", json!({ "seats": 10 })).await
    });
    assert_eq!(plan.refusals("changePlan"), Vec::<String>::new(), "{}", plan.text());
    assert_eq!(seats.refusals("changeSeats"), Vec::<String>::new(), "{}", seats.text());
    shop.settle().await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["seats"]), (&json!("pro"), &json!(10)));
}

/// What is asked while the account is locked, and for whoever goes.
#[tokio::test(flavor = "multi_thread")]
async fn the_checkouts_of_an_account_or_a_person_are_found_by_an_index() {
    let shop = Shop::open().await;
    shop.app.db_execute("SET enable_seqscan = off").await;
    for (column, index) in [("account_id", "checkouts_account_idx"), ("user_id", "checkouts_user_idx")] {
        let query = format!("EXPLAIN SELECT * FROM checkouts WHERE {column} = gen_random_uuid() AND status = 'completed'");
        let plan = shop.app.database_text(&query.replace("gen_random_uuid()", "'00000000-0000-0000-0000-000000000000'")).await.join("\n");
        assert!(plan.contains(index), "{plan}");
    }
}
