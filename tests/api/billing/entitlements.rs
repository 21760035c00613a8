//! What an account may do: plan, status and time.

use chrono::{DateTime, TimeDelta, Utc};
use fixpath::billing::entitlement::{Entitlements, Standing, entitlements};
use fixpath::billing::plan::{Feature, LimitKey, Plan, Tier};
use fixpath::billing::start_trial::normalised;
use fixpath::billing::subscription::{LOCAL, STRIPE, Status};
use fixpath::id::{PlanId, SubscriptionId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::members::invite;
use crate::support::people::device;
use crate::support::stripe::{self, PRO, STARTER};
use crate::support::trees::{START, looping, published};
use crate::support::{Actor, TestApp};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn plan(tier: Tier, seats: Option<i32>) -> Plan {
    let key = tier.as_str();
    Plan {
        id: PlanId::from(Uuid::from_u128(tier as u128)),
        key: key.to_owned(),
        name: key.to_owned(),
        description: None,
        tier,
        trial_days: 14,
        on_sale: true,
        revision: 1,
        provider_product_id: None,
        prices: Vec::new(),
        limits: vec![(LimitKey::Seats, seats), (LimitKey::Trees, None), (LimitKey::SessionsPerMonth, Some(100))],
        features: if tier == Tier::Free { vec![] } else { vec![Feature::Subtrees] },
    }
}

fn plans() -> Vec<Plan> {
    vec![plan(Tier::Free, Some(2)), plan(Tier::Starter, Some(10)), plan(Tier::Pro, Some(50)), plan(Tier::Enterprise, None)]
}

fn standing(tier: Tier, provider: &str, status: Status) -> Standing {
    Standing {
        id: SubscriptionId::from(Uuid::from_u128(1)),
        plan_id: plan(tier, None).id,
        status,
        seats: 3,
        pending_seats: None,
        provider: provider.to_owned(),
        is_primary: true,
        current_period_end: Some(now() + TimeDelta::days(20)),
        cancel_at: None,
        trial_end: None,
        ended_at: None,
        collection_paused: false,
    }
}

fn decided(standings: &[Standing]) -> Entitlements {
    entitlements(standings, &plans(), now()).unwrap()
}

#[test]
fn of_the_eight_statuses_three_give_access() {
    for status in Status::ALL {
        let row = Standing { trial_end: Some(now() + TimeDelta::days(3)), ..standing(Tier::Pro, STRIPE, status) };
        let entitled = decided(&[row]);
        let expected = match status {
            Status::Trialing | Status::Active | Status::PastDue => "pro",
            Status::Incomplete | Status::IncompleteExpired | Status::Unpaid | Status::Paused | Status::Canceled => "free",
        };
        assert_eq!(entitled.plan.key, expected, "{status:?}: {}", entitled.reason);
        assert!(entitled.reason.ends_with('.'));
        let seats = if expected == "pro" { Some(3) } else { Some(2) };
        assert_eq!(entitled.max(LimitKey::Seats), seats, "no more seats than are paid for");
        assert_eq!(entitled.require(Feature::Subtrees).is_ok(), expected == "pro");
    }
}

#[test]
fn what_was_promised_until_a_day_ends_on_that_day() {
    for status in [Status::Active, Status::Trialing, Status::PastDue] {
        let ends = |at| decided(&[Standing { cancel_at: Some(at), ..standing(Tier::Pro, STRIPE, status) }]);
        let later = ends(now() + TimeDelta::seconds(1));
        assert_eq!((later.plan.key.as_str(), later.until), ("pro", Some(now() + TimeDelta::seconds(1))));
        assert_eq!((ends(now()).plan.key.as_str(), ends(now()).until), ("free", None));
    }
}

#[test]
fn a_local_trial_ends_by_itself_and_one_at_stripe_when_stripe_says_so() {
    let trial = |provider, left: TimeDelta| {
        decided(&[Standing { trial_end: Some(now() + left), ..standing(Tier::Pro, provider, Status::Trialing) }]).plan.key
    };
    assert_eq!(trial(LOCAL, TimeDelta::seconds(1)), "pro");
    assert_eq!(trial(LOCAL, TimeDelta::zero()), "free");
    assert_eq!(trial(STRIPE, TimeDelta::zero()), "pro");
}

#[test]
fn of_several_subscriptions_the_highest_plan_counts() {
    let (starter, pro) = (standing(Tier::Starter, STRIPE, Status::Active), standing(Tier::Pro, STRIPE, Status::Active));
    let second = Standing { is_primary: false, ..starter.clone() };
    assert_eq!(decided(&[second.clone(), pro.clone()]).plan.key, "pro");
    let over = Standing { status: Status::Canceled, ..pro };
    assert_eq!(decided(&[second, over]).plan.key, "starter", "one has ended, the other lives");
    let given = standing(Tier::Enterprise, LOCAL, Status::Active);
    let entitled = decided(&[starter, given]);
    assert_eq!((entitled.plan.key.as_str(), entitled.max(LimitKey::Seats)), ("enterprise", None));
}

#[test]
fn each_standing_has_a_sentence() {
    let mut sentences = vec![decided(&[]).reason];
    for provider in [LOCAL, STRIPE] {
        for status in Status::ALL {
            let row = Standing { trial_end: Some(now() + TimeDelta::days(3)), ..standing(Tier::Pro, provider, status) };
            sentences.push(decided(std::slice::from_ref(&row)).reason);
            sentences.push(decided(&[Standing { cancel_at: Some(now() + TimeDelta::days(1)), ..row.clone() }]).reason);
            sentences.push(decided(&[Standing { collection_paused: true, ..row }]).reason);
        }
    }
    sentences.sort();
    sentences.dedup();
    insta::assert_snapshot!("why_access_stands_as_it_does", sentences.join("\n"));
}

#[test]
fn one_mailbox_has_many_addresses() {
    for address in ["Ann.Smith+x@Gmail.com", "annsmith@googlemail.com", "a.n.n.smith@gmail.com"] {
        assert_eq!(normalised(address), "annsmith@gmail.com");
    }
    assert_eq!(normalised("Ann.Smith+x@Example.com"), "ann.smith@example.com");
    assert_eq!(normalised("ann.smith@example.com"), "ann.smith@example.com");
}

const LOOK: &str = "{ viewer { account {
    subscription { plan { key } status seats interval cancelAt trialEnd provider providerId needsAttention }
    entitlements { plan { key } features reason until }
    limits { key max } } } }";

async fn look(actor: &Actor) -> Value {
    actor.ok(LOOK, json!({})).await.data("viewer.account")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_tries_pro_for_two_weeks_and_once() {
    let app = TestApp::new().await;
    let owner = app.sign_up("ann").await;
    let seen = look(&owner).await;
    assert_eq!(seen["subscription"]["status"], "TRIALING");
    assert_eq!(seen["subscription"]["provider"], "NONE");
    assert_eq!(seen["entitlements"]["plan"]["key"], "pro");
    assert_eq!(seen["entitlements"]["until"], "2026-01-15T12:00:00.000Z");
    assert_eq!(seen["entitlements"]["reason"], "The trial of the Pro plan lasts until 15 January 2026.");
    app.advance(TimeDelta::days(14));
    let (owner, _) = device(&app, "ann").await;
    let seen = look(&owner).await;
    assert_eq!(seen["subscription"], Value::Null);
    assert_eq!(seen["entitlements"]["plan"]["key"], "free");
    assert_eq!(seen["limits"][0], json!({ "key": "SEATS", "max": 2 }));

    // The same mailbox under another address: no second trial.
    let input = json!({ "email": "Ann+2@example.com", "username": "ann2", "password": "long enough" });
    let query = "mutation($input: SignUpInput!) { signUp(input: $input) { accessToken } }";
    let again = app.anon().ok(query, json!({ "input": input })).await.str("signUp.accessToken");
    let again = app.anon().signed_in(&again);
    assert_eq!(look(&again).await["entitlements"]["reason"], "Nothing was bought: the Free plan counts.");
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_tells_counts_at_once() {
    let (app, owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("incomplete", 0, &[])), "completed").await;
    assert_eq!(look(&owner).await["entitlements"]["plan"]["key"], "pro", "the trial goes on beside it");
    let starter = [("/items/data/0/price/id", json!(STARTER)), ("/items/data/0/quantity", json!(3))];
    let active = story.state("active", 0, &starter);
    app.expect(&story.change("customer.subscription.updated", 1, active, json!({ "status": "incomplete" })), "completed").await;
    let seen = look(&owner).await;
    assert_eq!(seen["subscription"]["providerId"], json!(story.subscription), "the trial has become the subscription");
    assert_eq!(seen["entitlements"]["plan"]["key"], "starter");
    assert_eq!(seen["limits"][0], json!({ "key": "SEATS", "max": 3 }));

    let late = story.state("past_due", 1, &starter);
    app.expect(&story.event("customer.subscription.updated", 30 * 86_400, late), "completed").await;
    let seen = look(&owner).await;
    assert_eq!(seen["entitlements"]["plan"]["key"], "starter", "access stays while the payment is tried again");
    assert_eq!(seen["subscription"]["needsAttention"], "The last payment failed: check your card.");
    app.expect(&story.event("customer.subscription.updated", 45 * 86_400, story.state("unpaid", 1, &starter)), "completed").await;
    assert_eq!(look(&owner).await["entitlements"]["plan"]["key"], "free");
    let pro = [("/items/data/0/price/id", json!(PRO))];
    app.expect(&story.event("customer.subscription.updated", 46 * 86_400, story.state("active", 1, &pro)), "completed").await;
    assert_eq!(look(&owner).await["entitlements"]["plan"]["key"], "pro");
    app.expect(&story.event("customer.subscription.deleted", 47 * 86_400, story.state("canceled", 1, &pro)), "completed").await;
    let seen = look(&owner).await;
    assert_eq!((&seen["entitlements"]["plan"]["key"], &seen["subscription"]["status"]), (&json!("free"), &json!("CANCELED")));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_seat_that_is_paid_for_has_one_winner() {
    let (app, owner, story) = stripe::app().await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    let state = story.state("active", 0, &[("/items/data/0/quantity", json!(2))]);
    app.expect(&story.event("customer.subscription.created", 0, state), "completed").await;
    let (one, other) =
        tokio::join!(invite(&app, &owner, "one@example.com", "TECHNICIAN"), invite(&app, &owner, "two@example.com", "TECHNICIAN"));
    let refused = if one.refusals("inviteMember").is_empty() { other } else { one };
    let error = refused.data("inviteMember.userErrors.0");
    assert_eq!(error["code"], "PLAN_LIMIT");
    assert_eq!(error["message"], "The subscription to the Pro plan has 2 seats, and all are used: add seats to it.");
    assert_eq!(error["limit"], json!({ "key": "SEATS", "max": 2, "used": 2 }));
    assert_eq!(error["upgradeTo"], json!({ "key": "pro" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_allowance_each_session_costs_a_credit() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("free").await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    app.db_execute(
        "INSERT INTO session_usage SELECT id, date_trunc('month', created_at AT TIME ZONE 'UTC')::date, 49 FROM accounts; \
         INSERT INTO credit_balances SELECT id, 2, 0, created_at FROM accounts",
    )
    .await;
    let input = json!({ "input": { "tree": { "id": tree } } });
    let mut heard = app.app.notices.subscribe();
    let starts = futures_util::future::join_all((0..6).map(|_| owner.ok(START, input.clone()))).await;
    let (_, account) = crate::support::people::ids(&owner).await;
    let told = async { while heard.recv().await.unwrap() != fixpath::db::notices::Notice::Billing(account) {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.expect("whoever watches hears of the balance");
    let refused: Vec<String> = starts.iter().flat_map(|answer| answer.refusals("startSession")).collect();
    assert_eq!(refused, ["INSUFFICIENT_CREDITS"; 3], "one of the allowance, two for credits");
    let query = "{ viewer { account { credits { balance shortfall entries { nodes { delta balanceAfter kind reason } } } } } }";
    let credits = owner.ok(query, json!({})).await.data("viewer.account.credits");
    let entry = |left| json!({ "delta": -1, "balanceAfter": left, "kind": "SPEND", "reason": "a session beyond the month's allowance" });
    let mut entries = credits["entries"]["nodes"].as_array().unwrap().clone();
    entries.sort_by_key(|entry| entry["balanceAfter"].as_i64());
    assert_eq!((&credits["balance"], &credits["shortfall"]), (&json!(0), &json!(0)));
    assert_eq!(entries, [entry(0), entry(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_had_credits_is_told_that_none_are_left() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("free").await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    app.db_execute("INSERT INTO session_usage SELECT id, date_trunc('month', created_at AT TIME ZONE 'UTC')::date, 50 FROM accounts").await;
    let start = async || owner.ok(START, json!({ "input": { "tree": { "id": tree } } })).await;
    assert_eq!(start().await.refusals("startSession"), ["PLAN_LIMIT"]);
    let account = crate::support::people::ids(&owner).await.1;
    app.app
        .db
        .transaction(async |conn| {
            let cause = fixpath::billing::credit::Cause { source: "grant", reason: "sorry" };
            let kind = fixpath::billing::credit::Kind::Grant;
            Ok(fixpath::billing::credit::add(conn, &app.app.clock, account, 1, kind, cause).await?)
        })
        .await
        .unwrap();
    assert_eq!(start().await.refusals("startSession"), Vec::<String>::new(), "the one that there is");
    let refused = start().await;
    let error = refused.data("startSession.userErrors.0");
    assert_eq!(error["code"], "INSUFFICIENT_CREDITS");
    assert_eq!(error["message"], "The Free plan allows 50 sessions a month, and all are used. No credits are left for more.");
    let limit = "... on LimitReached { limit { key max used } upgradeTo { key } }";
    let query = format!("mutation($input: StartSessionInput!) {{ startSession(input: $input) {{ userErrors {{ code {limit} }} }} }}");
    let error = owner.ok(&query, json!({ "input": { "tree": { "id": tree } } })).await.data("startSession.userErrors.0");
    let told = json!({ "code": "INSUFFICIENT_CREDITS", "limit": { "key": "SESSIONS_PER_MONTH", "max": 50, "used": 51 },
        "upgradeTo": { "key": "starter" } });
    assert_eq!(error, told);
    assert_eq!(app.db_value("SELECT started FROM session_usage").await, 51, "what is refused is not counted");
}

/// Every state that a subscription can be in, and pairs of two.
#[tokio::test(flavor = "multi_thread")]
async fn sql_says_the_same_of_a_feature() {
    use fixpath::billing::entitlement::{condition, load};
    let app = TestApp::new().await;
    let account = super::permutations::account(&app).await;
    let at = app.app.clock.now();
    let times =
        ["NULL", "'{now}'::timestamptz", "'{now}'::timestamptz + interval '1 day'"].map(|time| time.replace("{now}", &at.to_rfc3339()));
    let mut rows = Vec::new();
    for status in ["incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "paused", "canceled"] {
        for provider in [LOCAL, STRIPE] {
            for (cancel, trial) in times.iter().flat_map(|cancel| times.iter().map(move |trial| (cancel, trial))) {
                let named = if provider == STRIPE { "gen_random_uuid()::text" } else { "NULL" };
                rows.push(format!("'{status}', '{provider}', {cancel}, {trial}, {named}"));
            }
        }
    }
    let question = condition("accounts.id", Feature::MarketplaceSelling, &format!("'{}'::timestamptz", at.to_rfc3339()));
    let at_stripe: Vec<_> = rows.iter().filter(|row| row.contains(STRIPE)).collect();
    let (mut asked, mut had) = (0, 0);
    for (number, row) in rows.iter().enumerate() {
        // Alone with a plan that has the feature, and beside another one.
        for plans in [vec!["pro"], vec!["starter", "pro"], vec!["pro", "starter"], vec!["pro", "enterprise"]] {
            let mut sql = "DELETE FROM subscriptions; ".to_owned();
            for (place, plan) in plans.iter().enumerate() {
                let (row, primary) = if place == 0 { (row, true) } else { (at_stripe[(number * 7 + 11) % at_stripe.len()], false) };
                sql += &format!(
                    "INSERT INTO subscriptions (id, account_id, plan_id, seats, is_primary, created_at, updated_at, status, provider, cancel_at, \
                         trial_end, provider_subscription_id) \
                     SELECT gen_random_uuid(), '{}', id, 1, {primary}, now(), now(), {row} FROM plans WHERE key = '{plan}'; ",
                    Uuid::from(account)
                );
            }
            app.db_execute(&sql).await;
            let pure = load(&mut app.app.db.conn().await.unwrap(), account, at).await.unwrap().plan.has(Feature::MarketplaceSelling);
            let told = app.db_value(&format!("SELECT {question} AS has FROM accounts WHERE id = '{}'", Uuid::from(account))).await;
            assert_eq!(told, json!(pure), "{plans:?}: {row}");
            asked += 1;
            had += usize::from(pure);
        }
    }
    assert!(asked == 576 && (100..476).contains(&had), "{had} of {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_packs_are_public_and_the_cheapest_comes_first() {
    let app = TestApp::new().await;
    let query = "{ plans { key tier trialDays prices { interval unitAmount { amount currency } } limits { key max } features }
        creditPacks { key credits price { amount currency } } plan(key: \"pro\") { name onSale } gone: plan(key: \"gone\") { name } }";
    let seen = app.anon().ok(query, json!({})).await;
    assert_eq!((seen.data("plan"), seen.data("gone")), (json!({ "name": "Pro", "onSale": true }), Value::Null));
    insta::assert_json_snapshot!("what_is_sold", [seen.data("plans"), seen.data("creditPacks")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_hears_of_each_change() {
    let (app, owner, story) = stripe::app().await;
    let query = "subscription { billingUpdated { entitlements { plan { key } } subscription { status provider } } }";
    let first = owner.first_event(query).await;
    assert_eq!(first.data("billingUpdated.subscription"), json!({ "status": "TRIALING", "provider": "NONE" }));
    let mut heard = app.app.notices.subscribe();
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let (_, account) = crate::support::people::ids(&owner).await;
    assert_eq!(heard.recv().await.unwrap(), fixpath::db::notices::Notice::Billing(account));
}
