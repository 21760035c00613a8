//! What becomes of its people.

use chrono::TimeDelta;
use fixpath::id::AccountId;
use fixpath::identity::erase_account::erase_account;
use serde_json::json;
use uuid::Uuid;

use super::{NONE, delete, sweep};
use crate::support::members::{invite, roomy};
use crate::support::people::{asked_for, colleague, ids, move_to};

#[tokio::test]
async fn addresses_that_were_only_typed_are_not_taken_out_of_others_logs() {
    let (app, owner) = roomy().await;
    let mallory = app.sign_up("mallory").await;
    for name in ["mallory", "victim", "second", "wanted"] {
        let invitation = invite(&app, &owner, &format!("{name}@example.com"), "TECHNICIAN").await.str("inviteMember.invitation.id");
        let revoke = "mutation($id: ID!) { revokeInvitation(input: { id: $id }) { userErrors { code } } }";
        assert_eq!(owner.ok(revoke, json!({ "id": invitation })).await.refusals("revokeInvitation"), NONE);
    }
    // Typed.
    for name in ["victim", "second"] {
        asked_for(&app, &mallory, &format!("{name}@example.com")).await;
    }
    // Proved, and hers; what she had before was proved, too, and left: somebody else has it now.
    app.db_verify("mallory").await;
    move_to(&app, &mallory, "wanted@example.com").await;
    app.sign_up("heir").await;
    app.db_execute("UPDATE users SET email = 'mallory@example.com' WHERE username = 'heir'").await;
    delete(&mallory, "mallory's account").await;
    let invitations = "SELECT email FROM invitations ORDER BY email COLLATE \"C\"";
    let lines =
        "SELECT action || ' ' || split_part(subject, ' ', 1) FROM audit_entries WHERE action ~ 'Invitation|inviteMember' ORDER BY 1";
    let mut expected = app.database_text(lines).await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT (erased_at IS NOT NULL)::text FROM users WHERE username ~ '^deleted'").await, ["true"]);
    assert_eq!(app.database_text(invitations).await, ["mallory@example.com", "second@example.com", "victim@example.com"]);
    let mut left = app.database_text(lines).await;
    assert_eq!((expected.len(), left.iter().filter(|line| line.contains(" deleted-")).count()), (8, 2), "{left:?}");
    expected.retain(|line| !line.contains("wanted"));
    left.retain(|line| !line.contains(" deleted-"));
    assert_eq!(left, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_belonged_to_two_accounts_that_go_at_once_is_erased() {
    let (app, owner) = roomy().await;
    let both = colleague(&app, &owner, "both", "engineer").await;
    let (person, account) = ids(&both).await;
    let home = app.database_text("SELECT id::text FROM accounts WHERE name = 'both''s account'").await;
    let home = AccountId::from(Uuid::parse_str(&home[0]).unwrap());
    app.db_execute("UPDATE accounts SET deletes_at = created_at").await;
    // Both erasures have come to the person before either ends.
    let (holder, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    holder.batch_execute(&format!("BEGIN; SELECT FROM users WHERE id = '{}' FOR NO KEY UPDATE", Uuid::from(person))).await.unwrap();
    let erasures = [account, home].map(|account| {
        let app = app.app.clone();
        tokio::spawn(async move { erase_account(&app, account).await })
    });
    let waiting = "SELECT DISTINCT pid::text FROM pg_locks WHERE NOT granted
         AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    for _ in 0..1000 {
        if app.database_text(waiting).await.len() == 2 || erasures.iter().all(|erasure| erasure.is_finished()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    holder.batch_execute("COMMIT").await.unwrap();
    for erasure in erasures {
        erasure.await.unwrap().unwrap();
    }
    let erased = "SELECT (erased_at IS NOT NULL AND email !~ 'both')::text FROM users WHERE id = ";
    assert_eq!(app.database_text(&format!("{erased}'{}'", Uuid::from(person))).await, ["true"]);
}
