//! Mails about billing: once each, to those who own the account; what needs the platform goes to its staff.

use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use serde_json::json;

use crate::support::TestApp;
use crate::support::stripe;

/// What was sent since: to whom and about what.
fn sent(app: &TestApp) -> Vec<(String, String)> {
    let mails = app.mails().into_iter().filter(|mail| mail.mail == "billing");
    mails.map(|mail| (mail.to, mail.subject)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_is_told_in_one_mail_for_each_event() {
    let (app, _owner, story) = stripe::app().await;
    for event in story.life() {
        for _ in 0..3 {
            assert_eq!(app.deliver(&event).await.status, 200);
        }
        app.run_jobs().await;
    }
    let sent = sent(&app);
    assert!(sent.iter().all(|(to, _)| to == "owner@example.com"));
    let subjects: Vec<&str> = sent.iter().map(|(_, subject)| subject.as_str()).collect();
    let expected = [
        "Your subscription has begun",
        "A payment failed",
        "Your subscription was renewed",
        "Your subscription will end",
        "Your subscription has ended",
    ];
    assert_eq!(subjects, expected);
    let failed = app.mails().into_iter().find(|mail| mail.subject == "A payment failed").unwrap();
    assert!(failed.text.contains("https://invoice.stripe.com/"), "{}", failed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_before_the_mail_is_sent_is_not_told() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("invoice.payment_failed", 0, story.invoice("open", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 5, story.invoice("paid", 0, &[])), "completed").await;
    app.run_jobs().await;
    let subjects: Vec<String> = sent(&app).into_iter().map(|(_, subject)| subject).collect();
    assert_eq!(subjects, ["Your subscription has begun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_goes_to_the_staff() {
    let (app, _owner, story) = stripe::app_with(&[("STAFF_EMAILS", "boss@example.com")]).await;
    app.sign_up("boss").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    for event in story.life().iter().take(5) {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let before = sent(&app).len();
    let dispute = json!({ "id": "dp_1", "object": "dispute", "amount": 6000, "currency": "usd", "status": "needs_response",
        "reason": "fraudulent", "charge": story.charge_id(0), "payment_intent": story.intent_id(0) });
    app.expect(&story.event("charge.dispute.created", 100, dispute), "completed").await;
    app.run_jobs().await;
    assert_eq!(sent(&app)[before..], [("boss@example.com".to_owned(), "A payment is disputed".to_owned())]);
}

/// Who answers a bank that only asks may never be disputed.
#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_goes_to_the_staff_and_so_does_what_becomes_of_it() {
    let (app, _owner, story) = stripe::app_with(&[("STAFF_EMAILS", "boss@example.com")]).await;
    app.sign_up("boss").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    for event in story.life().iter().take(5) {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let before = sent(&app).len();
    let tell = async |id: &str, kind: &str, status: &str| {
        let told = json!({ "id": id, "object": "dispute", "amount": 6000, "currency": "usd", "status": status, "reason": "fraudulent",
            "charge": story.charge_id(0), "payment_intent": story.intent_id(0) });
        app.expect(&story.event(&format!("charge.dispute.{kind}"), 100, told), "completed").await;
    };
    tell("dp_1", "created", "warning_needs_response").await;
    app.run_jobs().await;
    let text = app.mails().pop().unwrap().text;
    assert!(text.contains("A bank asks about 60.00 USD (fraudulent): dp_1. Nothing is taken yet."), "{text}");
    tell("dp_1", "funds_withdrawn", "needs_response").await;
    tell("dp_1", "created", "warning_needs_response").await;
    // Answered before it was heard of, and disputed before it was told.
    tell("dp_2", "closed", "warning_under_review").await;
    tell("dp_2", "created", "warning_needs_response").await;
    tell("dp_3", "created", "warning_needs_response").await;
    tell("dp_3", "funds_withdrawn", "needs_response").await;
    app.run_jobs().await;
    let told: Vec<(String, String)> = sent(&app)[before..].to_vec();
    let boss = |subject: &str| ("boss@example.com".to_owned(), subject.to_owned());
    let (asked, disputed) = (boss("A bank asks about a payment"), boss("A payment is disputed"));
    assert_eq!(told, [asked, disputed.clone(), disputed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_so_any_more_when_the_mail_is_sent_is_not_told() {
    let (app, _owner, story) = stripe::app_with(&[("STAFF_EMAILS", "boss@example.com")]).await;
    app.sign_up("boss").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    for event in story.life().iter().take(5) {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let before = sent(&app).len();
    for (kind, status) in [("payment_failed", "open"), ("payment_action_required", "open"), ("voided", "void")] {
        app.expect(&story.event(&format!("invoice.{kind}"), 100, story.invoice(status, 1, &[])), "completed").await;
    }
    for (kind, status) in [("created", "succeeded"), ("failed", "failed")] {
        app.expect(&story.event(&format!("refund.{kind}"), 100, story.refund("re_1", 0, 500, status)), "completed").await;
    }
    let dispute = |id: &str, kind: &str, status: &str| {
        let told = json!({ "id": id, "object": "dispute", "amount": 6000, "currency": "usd", "status": status, "reason": "fraudulent",
            "charge": story.charge_id(0), "payment_intent": story.intent_id(0) });
        story.event(&format!("charge.dispute.{kind}"), 100, told)
    };
    app.expect(&dispute("dp_1", "created", "needs_response"), "completed").await;
    app.expect(&dispute("dp_1", "closed", "won"), "completed").await;
    // Closed before it was heard of.
    app.expect(&dispute("dp_2", "closed", "lost"), "completed").await;
    app.run_jobs().await;
    assert_eq!(sent(&app)[before..], []);
}

async fn hour(app: &TestApp) {
    app.run_job(&Job::Billing(BillingJob::TellTrials)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_ours_is_told_three_days_before_its_end_and_at_its_end() {
    let (app, _owner, _story) = stripe::app().await;
    app.advance(TimeDelta::days(11) - TimeDelta::seconds(1));
    hour(&app).await;
    assert_eq!(sent(&app), [], "more than three days are left");
    app.advance(TimeDelta::seconds(1));
    for _ in 0..3 {
        hour(&app).await;
    }
    let ending = ("owner@example.com".to_owned(), "Your trial ends soon".to_owned());
    assert_eq!(sent(&app), std::slice::from_ref(&ending));
    let text = app.mails().pop().unwrap().text;
    assert!(text.contains("Your trial of the Pro plan ends on 15 January 2026."), "{text}");
    app.advance(TimeDelta::days(3));
    for _ in 0..3 {
        hour(&app).await;
    }
    let ended = ("owner@example.com".to_owned(), "Your trial has ended".to_owned());
    assert_eq!(sent(&app), [ending, ended]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_was_bought_or_ended_long_ago_is_not_told() {
    let (app, _owner, story) = stripe::app().await;
    app.sign_up("other").await;
    let born = ("/created", json!(story.begin + 60));
    app.expect(&story.event("customer.subscription.created", 60, story.state("active", 0, &[born])), "completed").await;
    app.advance(TimeDelta::days(14));
    hour(&app).await;
    assert_eq!(sent(&app), [("other@example.com".to_owned(), "Your trial has ended".to_owned())], "who has bought has no trial");
    app.sign_up("late").await;
    app.advance(TimeDelta::days(18));
    hour(&app).await;
    assert_eq!(sent(&app).len(), 1, "nobody looked while it was news");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_by_our_sweep_is_told_as_well() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.advance(TimeDelta::days(34));
    for _ in 0..2 {
        app.run_job(&Job::Billing(BillingJob::EndLapsed)).await;
    }
    let over = [("/ended_at", json!(story.begin + 30 * 24 * 3600))];
    app.expect(&story.event("customer.subscription.deleted", 30 * 24 * 3600, story.state("canceled", 0, &over)), "completed").await;
    app.advance(TimeDelta::seconds(3));
    app.run_jobs().await;
    assert_eq!(sent(&app), [("owner@example.com".to_owned(), "Your subscription has ended".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_taken_back_and_comes_all_the_same_is_told_again() {
    let (app, _owner, story) = stripe::app().await;
    let end = story.begin + 30 * 24 * 3600;
    for (seconds, cancel_at) in [(0, json!(null)), (10, json!(end)), (20, json!(null)), (30, json!(end)), (40, json!(end + 60))] {
        let state = story.state("active", 0, &[("/cancel_at", cancel_at)]);
        app.expect(&story.event("customer.subscription.updated", seconds, state), "completed").await;
        app.run_jobs().await;
    }
    let subjects: Vec<String> = sent(&app).into_iter().map(|(_, subject)| subject).collect();
    assert_eq!(subjects, ["Your subscription will end"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_taken_back_and_set_again_before_any_mail_was_sent_is_told_once() {
    let (app, _owner, story) = stripe::app().await;
    let (soon, later) = (story.begin + 30 * 24 * 3600, story.begin + 60 * 24 * 3600);
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    for (seconds, cancel_at) in [(10, json!(soon)), (20, json!(null)), (30, json!(soon)), (40, json!(later))] {
        app.advance(TimeDelta::seconds(1));
        let state = story.state("active", 0, &[("/cancel_at", cancel_at)]);
        app.expect(&story.event("customer.subscription.updated", seconds, state), "completed").await;
    }
    app.run_jobs().await;
    assert_eq!(sent(&app), [("owner@example.com".to_owned(), "Your subscription will end".to_owned())]);
    assert!(app.mails().pop().unwrap().text.contains("2 March 2026"), "{}", app.mails().pop().unwrap().text);
    for (seconds, cancel_at) in [(50, json!(null)), (60, json!(later)), (70, json!(null))] {
        app.advance(TimeDelta::seconds(1));
        let state = story.state("active", 0, &[("/cancel_at", cancel_at)]);
        app.expect(&story.event("customer.subscription.updated", seconds, state), "completed").await;
    }
    app.run_jobs().await;
    assert_eq!(sent(&app).len(), 1, "it does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_told_by_whichever_event_comes() {
    let (app, _owner, story) = stripe::app().await;
    for event in story.life().iter().take(5) {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let before = sent(&app).len();
    let refund = story.refund("re_1", 0, 500, "succeeded");
    let charge = story.charge(0, &[("/amount_refunded", json!(500)), ("/refunds", json!({ "data": [refund] }))]);
    app.expect(&story.event("charge.refunded", 100, charge), "completed").await;
    app.expect(&story.event("refund.created", 100, refund), "completed").await;
    app.run_jobs().await;
    let told = [("owner@example.com".to_owned(), "A refund is on its way".to_owned())];
    assert_eq!(sent(&app)[before..], told);
    // Failed, and then told in older words.
    app.expect(&story.event("refund.failed", 120, story.refund("re_2", 0, 600, "failed")), "completed").await;
    let older = json!({ "data": [story.refund("re_2", 0, 600, "succeeded")] });
    let charge = story.charge(0, &[("/amount_refunded", json!(1100)), ("/refunds", older)]);
    app.expect(&story.event("charge.refunded", 110, charge), "completed").await;
    app.run_jobs().await;
    assert_eq!(sent(&app)[before..], told);
}
