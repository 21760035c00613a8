//! Seats that a change will take away: nobody takes one while it waits.

use serde_json::json;

use crate::support::members::{accept_as, invite, invited, members};
use crate::support::shop::Shop;

const NONE: Vec<String> = Vec::new();

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_taken_by_nobody_until_that_is_taken_back() {
    for (operation, fewer, back) in [
        ("changeSeats", json!({ "seats": 2 }), json!({ "seats": 10 })),
        ("changePlan", json!({ "planKey": "starter", "seats": 2 }), json!({ "planKey": "pro", "seats": 10 })),
    ] {
        let shop = Shop::open().await;
        shop.subscribe(json!({ "seats": 10 })).await;
        shop.changed(operation, fewer).await;
        shop.settle().await;
        assert_eq!(shop.subscription().await["seats"], 10, "{operation}: it waits");
        let token = invited(&shop.app, &shop.owner, "second@example.com", "TECHNICIAN").await;
        let refused = invite(&shop.app, &shop.owner, "third@example.com", "TECHNICIAN").await;
        let error = refused.data("inviteMember.userErrors.0");
        assert_eq!(error["code"], "PLAN_LIMIT", "{operation}: {error}");
        let message = "A change that waits leaves 2 of the 10 seats of the subscription to the Pro plan, and these are used: \
                       ask for more, or take it back.";
        assert_eq!(error["message"], message);
        assert_eq!(error["limit"], json!({ "key": "SEATS", "max": 2, "used": 2 }));
        assert_eq!(accept_as(&shop.app, &token, "second").await.refusals("acceptInvitation"), NONE);
        shop.changed(operation, back).await;
        assert_eq!(invite(&shop.app, &shop.owner, "third@example.com", "TECHNICIAN").await.refusals("inviteMember"), NONE);
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_were_invited_before_it_as_many_join_as_seats_are_left() {
    let shop = Shop::open().await;
    shop.subscribe(json!({ "seats": 3 })).await;
    let second = invited(&shop.app, &shop.owner, "second@example.com", "TECHNICIAN").await;
    let third = invited(&shop.app, &shop.owner, "third@example.com", "TECHNICIAN").await;
    // We would not have let them: it was made at Stripe.
    let made = "UPDATE subscriptions SET pending_plan_id = plan_id, pending_interval = interval, pending_seats = 2";
    shop.app.db_execute(made).await;
    assert_eq!(accept_as(&shop.app, &second, "second").await.refusals("acceptInvitation"), NONE);
    assert_eq!(accept_as(&shop.app, &third, "third").await.refusals("acceptInvitation"), ["PLAN_LIMIT"]);
    assert_eq!(members(&shop.owner).await.len(), 2);
    shop.settle().await;
}
