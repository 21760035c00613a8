//! What its owners are told.

use super::{NONE, delete, restore};
use crate::support::TestApp;
use crate::support::members::roomy;
use crate::support::people::colleague;

const OWNER: &str = "owner@example.com";
const SECOND: &str = "second@example.com";

/// The mails about the account that somebody got.
fn told(app: &TestApp, to: &str) -> Vec<&'static str> {
    app.mailbox(to).into_iter().filter(|mail| mail.starts_with("account_")).collect()
}

#[tokio::test]
async fn all_owners_are_told_when_it_will_happen_and_when_it_will_not() {
    let (app, owner) = roomy().await;
    for (name, role) in [("second", "owner"), ("unproved", "owner"), ("admin", "admin")] {
        colleague(&app, &owner, name, role).await;
    }
    for name in ["second", "admin"] {
        app.db_verify(name).await;
    }
    assert_eq!(delete(&owner, "another account").await.refusals("deleteAccount"), ["INVALID"]);
    assert_eq!(delete(&owner, "owner's account").await.refusals("deleteAccount"), NONE);
    assert_eq!(delete(&owner, "owner's account").await.refusals("deleteAccount"), ["WRONG_STATE"]);
    app.run_jobs().await;
    for to in [OWNER, SECOND] {
        assert_eq!(told(&app, to), ["account_deletion"]);
        let mail = app.mail("account_deletion", to);
        assert_eq!(mail.subject, "owner's account will be deleted");
        assert!(mail.text.contains("On 8 January 2026, 12:00 UTC the account will be gone"), "{}", mail.text);
        assert!(mail.text.contains("http://localhost:3000/restore-account\n"), "{}", mail.text);
    }
    assert_eq!(restore(&owner).await.refusals("restoreAccount"), NONE);
    assert_eq!(restore(&owner).await.refusals("restoreAccount"), ["WRONG_STATE"]);
    app.run_jobs().await;
    for to in [OWNER, SECOND] {
        assert_eq!(told(&app, to), ["account_deletion", "account_restored"]);
    }
    // An address that was never proved may be a stranger's.
    for to in ["unproved@example.com", "admin@example.com"] {
        assert_eq!(told(&app, to), NONE);
    }
}

#[tokio::test]
async fn what_is_no_longer_true_is_not_told() {
    let (app, owner) = roomy().await;
    colleague(&app, &owner, "second", "owner").await;
    app.db_verify("second").await;
    delete(&owner, "owner's account").await;
    assert_eq!(restore(&owner).await.refusals("restoreAccount"), NONE);
    app.run_jobs().await;
    assert_eq!(told(&app, OWNER), ["account_restored"]);
    // Who owns it no more, or has gone, is told nothing.
    delete(&owner, "owner's account").await;
    app.db_execute("UPDATE memberships SET role = 'admin' FROM users WHERE users.id = user_id AND username = 'second'").await;
    app.db_execute("UPDATE users SET deactivated_at = created_at WHERE username = 'owner'").await;
    app.run_jobs().await;
    assert_eq!((told(&app, OWNER), told(&app, SECOND)), (vec!["account_restored"], vec!["account_restored"]));
}
