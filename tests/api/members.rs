//! Members: who may change and remove whom, and what becomes of them and their work.

use fixpath::id::{Id, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::PASSWORD;
use crate::support::members::{change_role, members, remove, role, roomy, transfer, user};
use crate::support::people::{colleague, db_join, device, ids, refresh, sign_in, who};
use crate::support::trees::{answer, looping, published, start};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();

/// An owner with one colleague of each role.
async fn team() -> (TestApp, Vec<Actor>) {
    let (app, owner) = roomy().await;
    let mut team = Vec::new();
    for role in ["technician", "engineer", "admin"] {
        team.push(colleague(&app, &owner, role, role).await);
    }
    team.push(owner);
    (app, team)
}

#[tokio::test]
async fn roles_are_changed_from_above_and_count_at_once_in_every_process() {
    let (app, team) = team().await;
    let [technician, engineer, admin, owner] = &team[..] else { panic!("four") };
    let (second, router) = app.second_process();
    second.notices.heard().await;
    let elsewhere = engineer.through(router);
    assert_eq!(role(&elsewhere).await, "ENGINEER");

    let engineers = user(engineer).await;
    for person in [technician, engineer] {
        assert_eq!(change_role(person, engineers, "ADMIN").await.refusals("changeMemberRole"), ["FORBIDDEN"]);
        assert_eq!(remove(person, user(admin).await).await.refusals("removeMember"), ["FORBIDDEN"]);
    }
    let changed = change_role(admin, engineers, "TECHNICIAN").await;
    assert_eq!(
        changed.data("changeMemberRole.membership"),
        json!({ "role": "TECHNICIAN", "user": { "username": "engineer" }, "account": { "name": "owner's account" } })
    );
    assert_eq!(role(engineer).await, "TECHNICIAN");
    let patience = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while role(&elsewhere).await != "TECHNICIAN" {
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("it is heard");
    // A mutation asks the database anyway.
    let create = "mutation { createTree(input: { title: \"X\" }) { userErrors { code } } }";
    assert_eq!(elsewhere.ok(create, json!({})).await.refusals("createTree"), ["FORBIDDEN"]);

    // Owners are beyond an admin, and so is making one.
    let owners = user(owner).await;
    assert_eq!(change_role(admin, owners, "ADMIN").await.refusals("changeMemberRole"), ["FORBIDDEN"]);
    assert_eq!(change_role(admin, engineers, "OWNER").await.refusals("changeMemberRole"), ["FORBIDDEN"]);
    assert_eq!(remove(admin, owners).await.refusals("removeMember"), ["FORBIDDEN"]);
    assert_eq!(change_role(owner, engineers, "OWNER").await.refusals("changeMemberRole"), NONE);
    assert_eq!(role(engineer).await, "OWNER");
    // With a second owner the first may step down.
    assert_eq!(change_role(owner, owners, "ENGINEER").await.refusals("changeMemberRole"), NONE);
    assert_eq!(role(owner).await, "ENGINEER");
}

#[tokio::test]
async fn people_of_other_accounts_look_as_if_they_were_not_there() {
    let (app, _, owner) = TestApp::with_owner().await;
    let foreign = user(&app.sign_up("foreigner").await).await;
    let unknown = UserId::new(&app.app.clock);
    for stranger in [foreign, unknown] {
        assert_eq!(change_role(&owner, stranger, "ADMIN").await.refusals("changeMemberRole"), ["NOT_FOUND"]);
        assert_eq!(remove(&owner, stranger).await.refusals("removeMember"), ["NOT_FOUND"]);
        assert_eq!(transfer(&owner, stranger).await.refusals("transferOwnership"), ["NOT_FOUND"]);
        assert_eq!(reactivate(&owner, stranger).await.refusals("reactivateUser"), ["NOT_FOUND"]);
    }
    let anon = app.anon();
    assert_eq!(change_role(&anon, foreign, "ADMIN").await.refusals("changeMemberRole"), ["UNAUTHENTICATED"]);
    assert_eq!(remove(&anon, foreign).await.refusals("removeMember"), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_removed_member_is_out_at_once_and_their_work_stays() {
    let (_app, team) = team().await;
    let [technician, engineer, admin, owner] = &team[..] else { panic!("four") };
    let (tree, _) = published(owner, "Light", looping()).await;
    let session = start(technician, &tree).await;
    answer(technician, &session, 1, "light", json!({ "option": "no" })).await;
    let gone = user(technician).await;

    assert_eq!(remove(admin, gone).await.refusals("removeMember"), NONE);
    assert_eq!(who(technician).await, Value::Null, "the token speaks for nobody any more");
    assert_eq!(members(owner).await.len(), 3);
    let seen =
        "query($id: ID!) { session(id: $id) { revision status assignee { id username email } steps { nodes { kind by { username } } } } }";
    let seen = engineer.ok(seen, json!({ "id": session })).await;
    assert_eq!(seen.data("session.status"), "ACTIVE");
    assert_eq!(seen.data("session.assignee.username"), "technician");
    assert_eq!(seen.data("session.assignee.email"), Value::Null, "no colleague any more");
    let hand_over = "mutation($input: HandOverSessionInput!) { handOverSession(input: $input) { session { assignee { username } } userErrors { code } } }";
    let back = engineer.ok(hand_over, json!({ "input": { "sessionId": session, "revision": 2, "toUserId": gone.encode() } })).await;
    assert_eq!(back.refusals("handOverSession"), ["NOT_FOUND"], "not to somebody who is gone");
    let to = user(engineer).await.encode();
    let over = engineer.ok(hand_over, json!({ "input": { "sessionId": session, "revision": 2, "toUserId": to } })).await;
    assert_eq!(over.data("handOverSession.session.assignee.username"), "engineer");
    answer(engineer, &session, 3, "restart", json!({ "continue": true })).await;
    assert_eq!(answer(engineer, &session, 4, "light", json!({ "option": "yes" })).await.refusals("answerSession"), NONE);
}

#[tokio::test]
async fn whoever_has_no_account_left_gets_one_of_their_own() {
    let (app, owner) = roomy().await;
    let token = crate::support::members::invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    let joined = crate::support::members::accept_as(&app, &token, "grace").await;
    let grace = app.anon().signed_in(&joined.str("acceptInvitation.accessToken"));
    let device = joined.str("acceptInvitation.refreshToken");
    // Anybody may leave.
    assert_eq!(remove(&grace, user(&grace).await).await.refusals("removeMember"), NONE);
    assert_eq!(who(&grace).await, Value::Null);
    let renewed = refresh(&grace, &device).await;
    assert_eq!(renewed.data("refreshTokens.viewer.account.name"), "grace's account");
    assert_eq!(renewed.data("refreshTokens.viewer.role"), "OWNER");
    let again = sign_in(&app.anon(), "grace", PASSWORD).await;
    assert_eq!(again.data("signIn.viewer.account.name"), "grace's account");
    // And may be invited again.
    let token = crate::support::members::invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    let grace = grace.signed_in(&again.str("signIn.accessToken"));
    assert_eq!(crate::support::members::accept(&grace, json!({ "token": token })).await.refusals("acceptInvitation"), NONE);
}

#[tokio::test]
async fn the_last_owner_cannot_leave_be_removed_or_be_demoted() {
    let (app, owner) = roomy().await;
    let (owners, account) = ids(&owner).await;
    assert_eq!(remove(&owner, owners).await.refusals("removeMember"), ["LAST_OWNER"]);
    assert_eq!(change_role(&owner, owners, "ADMIN").await.refusals("changeMemberRole"), ["LAST_OWNER"]);
    // A second owner who is deactivated does not count.
    let partner = colleague(&app, &owner, "partner", "owner").await;
    let deactivate = "mutation($password: String) { deactivateUser(input: { password: $password }) { userErrors { code } } }";
    assert_eq!(partner.ok(deactivate, json!({ "password": PASSWORD })).await.refusals("deactivateUser"), NONE);
    assert_eq!(remove(&owner, owners).await.refusals("removeMember"), ["LAST_OWNER"]);
    let another = app.sign_up("another").await;
    db_join(&app, user(&another).await, account, "owner").await;
    assert_eq!(remove(&owner, owners).await.refusals("removeMember"), NONE);
}

#[tokio::test]
async fn of_two_owners_who_go_at_once_one_stays() {
    for round in ["leave", "demote each other", "demote themselves", "leave and deactivate"] {
        let (app, owner) = roomy().await;
        let partner = colleague(&app, &owner, "partner", "owner").await;
        let guest = colleague(&app, &owner, "guest", "technician").await;
        let (a, b) = (user(&owner).await, user(&partner).await);
        let deactivate = async || {
            let query = "mutation($password: String) { deactivateUser(input: { password: $password }) { userErrors { code } } }";
            partner.ok(query, json!({ "password": PASSWORD })).await
        };
        let (one, other) = match round {
            "leave" => tokio::join!(remove(&owner, a), remove(&partner, b)),
            "demote each other" => tokio::join!(change_role(&owner, b, "ENGINEER"), change_role(&partner, a, "ENGINEER")),
            "demote themselves" => tokio::join!(change_role(&owner, a, "ENGINEER"), change_role(&partner, b, "ENGINEER")),
            _ => tokio::join!(remove(&owner, a), deactivate()),
        };
        let refused = |answer: &Answer| {
            ["removeMember", "changeMemberRole", "deactivateUser"].iter().flat_map(|name| answer.refusals(name)).collect::<Vec<_>>()
        };
        let mut refusals = [refused(&one), refused(&other)];
        refusals.sort();
        assert!(refusals[0].is_empty(), "{round}: {refusals:?}");
        // Whoever comes second is refused: as the last owner, or because they are none any more.
        assert!(["LAST_OWNER", "FORBIDDEN"].contains(&refusals[1][0].as_str()), "{round}: {refusals:?}");
        let owners = members(&guest).await.into_iter().filter(|(_, role)| role == "OWNER").count();
        assert!(owners >= 1, "{round}");
    }
}

#[tokio::test]
async fn ownership_moves_as_a_whole() {
    let (app, team) = team().await;
    let [technician, engineer, admin, owner] = &team[..] else { panic!("four") };
    let (engineers, technicians) = (user(engineer).await, user(technician).await);
    assert_eq!(transfer(admin, engineers).await.refusals("transferOwnership"), ["FORBIDDEN"]);
    assert_eq!(transfer(owner, user(owner).await).await.refusals("transferOwnership"), ["INVALID"]);
    // Two at once, to two people: there is one owner to give it away.
    let (one, other) = tokio::join!(transfer(owner, engineers), transfer(owner, technicians));
    let mut refusals = [one.refusals("transferOwnership"), other.refusals("transferOwnership")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["FORBIDDEN".to_owned()]]);
    assert_eq!(role(owner).await, "ADMIN");
    let roles: Vec<String> = members(owner).await.into_iter().map(|(_, role)| role).filter(|role| role == "OWNER").collect();
    assert_eq!(roles.len(), 1);
    drop(app);
}

async fn reactivate(actor: &Actor, user: UserId) -> Answer {
    let query =
        "mutation($id: ID!) { reactivateUser(input: { userId: $id }) { user { username active } userErrors { code message path } } }";
    actor.ok(query, json!({ "id": user.encode() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_is_demoted_meanwhile_lets_nobody_in() {
    let (app, team) = team().await;
    let [technician, _, admin, _] = &team[..] else { panic!("four") };
    let deactivate = "mutation($password: String) { deactivateUser(input: { password: $password }) { userErrors { code } } }";
    let (users, admins) = (user(technician).await, Uuid::from(user(admin).await));
    technician.ok(deactivate, json!({ "password": PASSWORD })).await;
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    // As `changeMemberRole` does it; it has not committed yet.
    let demote = format!(
        "BEGIN; SELECT FROM accounts FOR NO KEY UPDATE; UPDATE memberships SET role = 'engineer' WHERE user_id = '{admins}' AND role = 'admin'"
    );
    client.batch_execute(&demote).await.unwrap();
    let commit = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..100 {
            if client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(reactivate(admin, users), commit);
    assert_eq!(answer.refusals("reactivateUser"), ["FORBIDDEN"]);
}

#[tokio::test]
async fn a_deactivated_member_is_let_in_again_by_an_admin_or_staff() {
    let (app, team) = team().await;
    let [technician, engineer, admin, owner] = &team[..] else { panic!("four") };
    let foreigner = app.sign_up("foreigner").await;
    let deactivate = "mutation($password: String) { deactivateUser(input: { password: $password }) { userErrors { code } } }";
    let users = user(technician).await;
    assert_eq!(reactivate(admin, users).await.refusals("reactivateUser"), ["WRONG_STATE"]);
    technician.ok(deactivate, json!({ "password": PASSWORD })).await;
    assert_eq!(sign_in(&app.anon(), "technician", PASSWORD).await.refusals("signIn"), ["FORBIDDEN"]);
    let heir = transfer(owner, users).await;
    assert_eq!(heir.refusals("transferOwnership"), ["WRONG_STATE"], "who cannot sign in does not own");

    assert_eq!(reactivate(engineer, users).await.refusals("reactivateUser"), ["FORBIDDEN"]);
    assert_eq!(reactivate(&foreigner, users).await.refusals("reactivateUser"), ["NOT_FOUND"]);
    let let_in = reactivate(admin, users).await;
    assert_eq!(let_in.data("reactivateUser.user"), json!({ "username": "technician", "active": true }));
    assert_eq!(who(technician).await, Value::Null, "what they were signed in on has ended");
    let (technician, _) = device(&app, "technician").await;
    technician.ok(deactivate, json!({ "password": PASSWORD })).await;
    app.make_staff("foreigner").await;
    assert_eq!(reactivate(&foreigner, users).await.data("reactivateUser.user.username"), "technician");
}
