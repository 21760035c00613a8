//! Mails about billing: once each, to those who own the account; what needs the platform goes to its staff.

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
