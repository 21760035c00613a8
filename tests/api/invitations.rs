//! Invitations: sent, accepted, and every way in which they are refused.

use chrono::TimeDelta;
use fixpath::id::{Id, InvitationId};
use fixpath::jobs::Job;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::members::{
    accept, accept_as, ask_to_invite, change_role, invite, invite_with, invited, members, remove, role, roomy, token_of, user,
};
use crate::support::people::{colleague, device, ids, refresh, who};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();

async fn revoke(actor: &Actor, id: &str) -> Answer {
    let query = "mutation($id: ID!) { revokeInvitation(input: { id: $id }) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "id": id })).await
}

async fn open(actor: &Actor) -> Value {
    let answer = actor.gql("{ viewer { account { invitations { email role invitedBy { username } } } } }", json!({})).await;
    answer.data("viewer.account.invitations")
}

async fn seats_used(actor: &Actor) -> Value {
    actor.ok("{ viewer { account { limits { key used } } } }", json!({})).await.data("viewer.account.limits.0.used")
}

#[tokio::test]
async fn somebody_new_joins_with_the_role_they_were_invited_to() {
    let (app, owner) = roomy().await;
    let answer = invite(&app, &owner, "Grace@example.com", "ENGINEER").await;
    assert_eq!(answer.data("inviteMember.invitation.email"), "Grace@example.com");
    assert_eq!(answer.data("inviteMember.invitation.expiresAt"), "2026-01-08T12:00:00.000Z", "a week from now");
    assert_eq!(open(&owner).await, json!([{ "email": "Grace@example.com", "role": "ENGINEER", "invitedBy": { "username": "owner" } }]));
    assert_eq!(seats_used(&owner).await, 2, "it holds a seat");

    app.advance(TimeDelta::days(6));
    let (owner, _) = device(&app, "owner").await;
    let joined = accept_as(&app, &token_of(&app, &answer), "grace").await;
    assert_eq!(joined.refusals("acceptInvitation"), NONE);
    assert_eq!(joined.data("acceptInvitation.viewer.role"), "ENGINEER");
    assert_eq!(joined.data("acceptInvitation.viewer.account.name"), "owner's account");
    let grace = app.anon().signed_in(&joined.str("acceptInvitation.accessToken"));
    let seen = grace.ok("{ viewer { user { email emailVerified } memberships { role } } }", json!({})).await;
    assert_eq!(seen.data("viewer.user"), json!({ "email": "Grace@example.com", "emailVerified": true }), "the token proved the address");
    assert_eq!(seen.data("viewer.memberships"), json!([{ "role": "ENGINEER" }]), "no account of their own");
    assert_eq!(open(&owner).await, json!([]));
    assert_eq!(seats_used(&owner).await, 2);
    // The password that they chose works.
    let (again, _) = device(&app, "grace").await;
    assert_eq!(role(&again).await, "ENGINEER");
}

#[tokio::test]
async fn somebody_who_is_signed_in_joins_as_themselves() {
    let (app, owner) = roomy().await;
    app.sign_up("grace").await;
    let (grace, before) = device(&app, "grace").await;
    let token = invited(&app, &owner, "GRACE@example.com", "ADMIN").await;
    let joined = accept(&grace, json!({ "token": token })).await;
    assert_eq!(joined.refusals("acceptInvitation"), NONE);
    assert_eq!(joined.data("acceptInvitation.viewer.account.name"), "owner's account", "the device speaks for it now");
    let grace = grace.signed_in(&joined.str("acceptInvitation.accessToken"));
    assert_eq!(role(&grace).await, "ADMIN");
    let seen = grace.ok("{ viewer { user { emailVerified } memberships { account { name } } } }", json!({})).await;
    assert_eq!(seen.data("viewer.memberships").as_array().unwrap().len(), 2);
    assert_eq!(seen.data("viewer.user.emailVerified"), true);
    assert_eq!(refresh(&app.anon(), &before).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"], "what the device held is replaced");
}

#[tokio::test]
async fn a_token_opens_no_existing_user_and_is_of_no_use_to_others() {
    let (app, owner) = roomy().await;
    let (grace, mallory) = (app.sign_up("grace").await, app.sign_up("mallory").await);
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    // Whoever signed up with the address may not be the one who reads its mail: they must sign in.
    assert_eq!(accept_as(&app, &token, "grace2").await.refusals("acceptInvitation"), ["UNAUTHENTICATED"]);
    assert_eq!(accept(&mallory, json!({ "token": token })).await.refusals("acceptInvitation"), ["FORBIDDEN"]);
    assert_eq!(members(&owner).await.len(), 1);
    // None of it has used the token up.
    assert_eq!(accept(&grace, json!({ "token": token })).await.refusals("acceptInvitation"), NONE);
}

#[tokio::test]
async fn forged_used_expired_revoked_and_replaced_tokens_look_the_same() {
    let (app, owner) = roomy().await;
    let mut refused = Vec::new();
    refused.push(accept_as(&app, "forged", "someone").await);
    refused.push(accept_as(&app, "", "someone").await);
    refused.push(accept_as(&app, "nul\0", "someone").await);

    let used = invited(&app, &owner, "used@example.com", "TECHNICIAN").await;
    assert_eq!(accept_as(&app, &used, "first").await.refusals("acceptInvitation"), NONE);
    refused.push(accept_as(&app, &used, "second").await);

    let answer = invite(&app, &owner, "revoked@example.com", "TECHNICIAN").await;
    let revoked = token_of(&app, &answer);
    assert_eq!(revoke(&owner, &answer.str("inviteMember.invitation.id")).await.data("revokeInvitation.acknowledged"), true);
    refused.push(accept_as(&app, &revoked, "someone").await);

    let replaced = invited(&app, &owner, "twice@example.com", "TECHNICIAN").await;
    let latest = invited(&app, &owner, "Twice@example.com", "ENGINEER").await;
    refused.push(accept_as(&app, &replaced, "someone").await);
    // A mail that is made again carries another token, too.
    let resent = invite(&app, &owner, "resent@example.com", "TECHNICIAN").await;
    let older = token_of(&app, &resent);
    app.run_job(&Job::MailInvitation { invitation: Id::decode(&resent.str("inviteMember.invitation.id")).unwrap() }).await;
    let newer = token_of(&app, &resent);
    refused.push(accept_as(&app, &older, "someone").await);
    assert_eq!(accept_as(&app, &newer, "resent").await.refusals("acceptInvitation"), NONE);

    let late = invited(&app, &owner, "late@example.com", "TECHNICIAN").await;
    assert_eq!(accept_as(&app, &latest, "twice").await.data("acceptInvitation.viewer.role"), "ENGINEER");
    app.advance(TimeDelta::days(7));
    refused.push(accept_as(&app, &late, "someone").await);

    for answer in &refused {
        assert_eq!(answer.refusals("acceptInvitation"), ["TOKEN_EXPIRED"]);
        assert_eq!(answer.json()["data"], refused[0].json()["data"]);
    }
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(open(&owner).await, json!([]));
    assert_eq!(members(&owner).await.len(), 4);
    // What has expired is not in the way.
    invited(&app, &owner, "late@example.com", "TECHNICIAN").await;
}

#[tokio::test]
async fn somebody_new_says_who_they_are() {
    let (app, owner) = roomy().await;
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    let refused = async |input: Value| {
        let answer = accept(&app.anon(), input).await;
        (answer.refusals("acceptInvitation"), answer.data("acceptInvitation.userErrors.0.path.0"))
    };
    assert_eq!(refused(json!({ "token": token })).await, (vec!["REQUIRED".into()], json!("username")));
    assert_eq!(refused(json!({ "token": token, "username": "grace" })).await, (vec!["REQUIRED".into()], json!("password")));
    assert_eq!(
        refused(json!({ "token": token, "username": "g", "password": PASSWORD })).await,
        (vec!["INVALID".into()], json!("username"))
    );
    assert_eq!(
        refused(json!({ "token": token, "username": "grace", "password": "short" })).await,
        (vec!["INVALID".into()], json!("password"))
    );
    assert_eq!(
        refused(json!({ "token": token, "username": "OWNER", "password": PASSWORD })).await,
        (vec!["TAKEN".into()], json!("username"))
    );
    assert_eq!(accept_as(&app, &token, "grace").await.refusals("acceptInvitation"), NONE, "none of it has used the token up");
}

#[tokio::test]
async fn of_two_who_accept_one_invitation_at_once_one_gets_in() {
    let (app, owner) = roomy().await;
    for round in 0..5 {
        let token = invited(&app, &owner, &format!("raced{round}@example.com"), "TECHNICIAN").await;
        let (one, other) = (format!("one{round}"), format!("other{round}"));
        let (one, other) = tokio::join!(accept_as(&app, &token, &one), accept_as(&app, &token, &other));
        let mut refusals = [one.refusals("acceptInvitation"), other.refusals("acceptInvitation")];
        refusals.sort();
        assert!(refusals[0].is_empty(), "{refusals:?}");
        assert!(["TOKEN_EXPIRED", "UNAUTHENTICATED"].contains(&refusals[1][0].as_str()), "{refusals:?}");
    }
    assert_eq!(members(&owner).await.len(), 6);
}

#[tokio::test]
async fn open_invitations_hold_seats_and_the_last_seat_has_one_winner() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("free").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    let (one, other) =
        tokio::join!(invite(&app, &owner, "one@example.com", "TECHNICIAN"), invite(&app, &owner, "other@example.com", "TECHNICIAN"));
    let (winner, loser) = if one.refusals("inviteMember").is_empty() { (one, other) } else { (other, one) };
    assert_eq!(winner.refusals("inviteMember"), NONE);
    assert_eq!(loser.refusals("inviteMember"), ["PLAN_LIMIT"]);
    assert_eq!(loser.data("inviteMember.userErrors.0.limit"), json!({ "key": "SEATS", "max": 2, "used": 2 }));
    // The same mailbox again takes no further seat, a revoked or expired invitation gives its seat back.
    let email = winner.str("inviteMember.invitation.email");
    let again = invite(&app, &owner, &email, "ENGINEER").await;
    assert_eq!(again.refusals("inviteMember"), NONE);
    revoke(&owner, &again.str("inviteMember.invitation.id")).await;
    assert_eq!(invite(&app, &owner, "third@example.com", "TECHNICIAN").await.refusals("inviteMember"), NONE);
    assert_eq!(invite(&app, &owner, "fourth@example.com", "TECHNICIAN").await.refusals("inviteMember"), ["PLAN_LIMIT"]);
    app.advance(TimeDelta::days(7));
    let (owner, _) = device(&app, "owner").await;
    let token = invited(&app, &owner, "fourth@example.com", "TECHNICIAN").await;
    assert_eq!(accept_as(&app, &token, "fourth").await.refusals("acceptInvitation"), NONE, "its own seat is not in its way");
    assert_eq!(invite(&app, &owner, "fifth@example.com", "TECHNICIAN").await.refusals("inviteMember"), ["PLAN_LIMIT"]);
}

#[tokio::test]
async fn when_the_plan_has_shrunk_since_the_last_seat_has_one_winner() {
    let (app, owner) = roomy().await;
    let one = invited(&app, &owner, "one@example.com", "TECHNICIAN").await;
    let other = invited(&app, &owner, "other@example.com", "TECHNICIAN").await;
    app.db_plan("free").await;
    let (one, other) = tokio::join!(accept_as(&app, &one, "one"), accept_as(&app, &other, "other"));
    let mut refusals = [one.refusals("acceptInvitation"), other.refusals("acceptInvitation")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["PLAN_LIMIT".to_owned()]]);
    assert_eq!(members(&owner).await.len(), 2);
}

#[tokio::test]
async fn the_same_key_gives_the_same_invitation() {
    let (app, owner) = roomy().await;
    let input = json!({ "email": "grace@example.com", "role": "ENGINEER", "idempotencyKey": "k1" });
    let (one, other) = tokio::join!(ask_to_invite(&app, &owner, input.clone()), ask_to_invite(&app, &owner, input.clone()));
    app.run_jobs().await;
    assert_eq!(app.mailbox("grace@example.com").len(), 1, "one mail");
    let id = one.str("inviteMember.invitation.id");
    assert_eq!(other.str("inviteMember.invitation.id"), id);
    assert_eq!(open(&owner).await.as_array().unwrap().len(), 1);
    let other_role = json!({ "email": "grace@example.com", "role": "ADMIN", "idempotencyKey": "k1" });
    assert_eq!(invite_with(&app, &owner, other_role).await.refusals("inviteMember"), ["INVALID"]);
    // Somebody else's key is another key.
    let admin = colleague(&app, &owner, "admin", "admin").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    let other = json!({ "email": "ada@example.com", "role": "ENGINEER", "idempotencyKey": "k1" });
    assert_ne!(invite_with(&app, &admin, other).await.str("inviteMember.invitation.id"), id);
}

#[tokio::test]
async fn admins_invite_below_owner_and_nobody_else_does() {
    let (app, owner) = roomy().await;
    let roles = ["technician", "engineer", "admin"];
    let mut people = Vec::new();
    for role in roles {
        people.push(colleague(&app, &owner, role, role).await);
    }
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    for (person, expected) in [(&people[0], vec!["FORBIDDEN"]), (&people[1], vec!["FORBIDDEN"]), (&people[2], vec![]), (&owner, vec![])] {
        let role = role(person).await;
        let email = format!("by{}@example.com", role.as_str().unwrap().to_lowercase());
        assert_eq!(invite(&app, person, &email, "ADMIN").await.refusals("inviteMember"), expected, "{role}");
    }
    assert_eq!(invite(&app, &app.anon(), "x@example.com", "TECHNICIAN").await.refusals("inviteMember"), ["UNAUTHENTICATED"]);
    let as_owner = invite(&app, &owner, "heir@example.com", "OWNER").await;
    assert_eq!(
        (as_owner.refusals("inviteMember"), as_owner.data("inviteMember.userErrors.0.path.0")),
        (vec!["INVALID".into()], json!("role"))
    );
    assert_eq!(invite(&app, &owner, "no address", "ADMIN").await.refusals("inviteMember"), ["INVALID"]);
    assert_eq!(invite(&app, &owner, "ENGINEER@example.com", "ADMIN").await.refusals("inviteMember"), ["TAKEN"]);
    // Who may not invite does not see who is invited either.
    assert_eq!(open(&people[1]).await, Value::Null);
    assert_eq!(open(&people[2]).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_has_not_proved_their_address_invites_nobody() {
    let (app, _, owner) = TestApp::with_owner().await;
    assert_eq!(invite(&app, &owner, "grace@example.com", "ENGINEER").await.refusals("inviteMember"), ["EMAIL_NOT_VERIFIED"]);
    assert_eq!(seats_used(&owner).await, 1);
}

#[tokio::test]
async fn other_accounts_invitations_look_as_if_they_were_not_there() {
    let (app, owner) = roomy().await;
    let foreigner = app.sign_up("foreigner").await;
    let id = invite(&app, &owner, "grace@example.com", "ENGINEER").await.str("inviteMember.invitation.id");
    let unknown = InvitationId::new(&app.app.clock).encode();
    let (foreign, unknown) = (revoke(&foreigner, &id).await, revoke(&foreigner, &unknown).await);
    assert_eq!(foreign.refusals("revokeInvitation"), ["NOT_FOUND"]);
    assert_eq!(foreign.json()["data"], unknown.json()["data"]);
    let node = "query($id: ID!) { node(id: $id) { ... on Invitation { email } } }";
    assert_eq!(foreigner.ok(node, json!({ "id": id })).await.data("node"), Value::Null);
    assert_eq!(owner.ok(node, json!({ "id": id })).await.data("node.email"), "grace@example.com");
    let technician = colleague(&app, &owner, "technician", "technician").await;
    assert_eq!(technician.ok(node, json!({ "id": id })).await.data("node"), Value::Null);
    assert_eq!(revoke(&technician, &id).await.refusals("revokeInvitation"), ["FORBIDDEN"]);
    assert_eq!(revoke(&owner, &id).await.data("revokeInvitation.acknowledged"), true);
    assert_eq!(revoke(&owner, &id).await.refusals("revokeInvitation"), ["NOT_FOUND"], "once");
}

#[tokio::test]
async fn a_person_of_the_account_cannot_join_it_twice() {
    let (app, owner) = roomy().await;
    let grace = app.sign_up("grace").await;
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    let (user, _) = ids(&grace).await;
    crate::support::people::db_join(&app, user, ids(&owner).await.1, "technician").await;
    assert_eq!(accept(&grace, json!({ "token": token })).await.refusals("acceptInvitation"), ["WRONG_STATE"]);
    assert_eq!(who(&grace).await, "grace");
}

#[tokio::test]
async fn the_token_is_stored_as_its_hash_only() {
    let (app, owner) = roomy().await;
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    assert!(token.len() >= 43, "256 bits");
    let rows = app.database_text("SELECT row_to_json(i)::text FROM invitations i").await;
    assert_eq!(rows.len(), 1);
    let hex: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!rows[0].contains(&token) && !rows[0].contains(&hex), "{rows:?}");
}

#[tokio::test]
async fn an_invitation_is_deleted_a_month_after_it_has_expired() {
    let (app, owner) = roomy().await;
    let first = accept_as(&app, &invited(&app, &owner, "grace@example.com", "ENGINEER").await, "grace").await;
    assert_eq!(first.refusals("acceptInvitation"), NONE);
    invite(&app, &owner, "lapsed@example.com", "ENGINEER").await;
    app.advance(TimeDelta::days(30));
    let (owner, _) = device(&app, "owner").await;
    invite(&app, &owner, "open@example.com", "ENGINEER").await;
    let left = async || {
        app.run_job(&Job::ForgetSignIns).await;
        app.database_text("SELECT email FROM invitations ORDER BY email").await
    };
    assert_eq!(left().await, ["grace@example.com", "lapsed@example.com", "open@example.com"]);
    app.advance(TimeDelta::days(7) + TimeDelta::seconds(1));
    assert_eq!(left().await, ["open@example.com"]);
}

#[tokio::test]
async fn the_mail_says_who_invites_whereto_and_as_what() {
    let (app, owner) = roomy().await;
    owner.ok("mutation { updateAccount(input: { name: \"Ada's <b>desk</b>\" }) { userErrors { code } } }", json!({})).await;
    let answer = invite(&app, &owner, "grace@example.com", "ENGINEER").await;
    let mail = app.mail("invitation", "grace@example.com");
    assert_eq!(mail.subject, "owner invites you to Ada's <b>desk</b>");
    assert!(mail.text.contains("as an engineer") && mail.text.contains("for 7 days"), "{}", mail.text);
    let link = format!("http://localhost:3000/accept-invitation?token={}", token_of(&app, &answer));
    assert!(mail.text.contains(&link), "{}", mail.text);
    assert!(!mail.html.contains("<b>desk"), "what people type is escaped");
    // One that has ended before its mail was made is not sent.
    let late = ask_to_invite(&app, &owner, json!({ "email": "late@example.com", "role": "ENGINEER" })).await;
    revoke(&owner, &late.str("inviteMember.invitation.id")).await;
    app.run_jobs().await;
    assert_eq!(app.mailbox("late@example.com").len(), 0);
}

#[tokio::test]
async fn whoever_may_not_invite_any_more_comes_back_by_no_invitation_of_their_own() {
    let (app, owner) = roomy().await;
    for (name, leave) in [("removed", true), ("demoted", false)] {
        let admin = colleague(&app, &owner, name, "admin").await;
        app.db_verify(name).await;
        let token = invited(&app, &admin, &format!("{name}-again@example.com"), "ADMIN").await;
        let id = user(&admin).await;
        match leave {
            true => assert_eq!(remove(&owner, id).await.refusals("removeMember"), NONE),
            false => assert_eq!(change_role(&owner, id, "ENGINEER").await.refusals("changeMemberRole"), NONE),
        }
        assert_eq!(accept_as(&app, &token, &format!("{name}-again")).await.refusals("acceptInvitation"), ["TOKEN_EXPIRED"]);
    }
}
