//! What an account is called.

use serde_json::{Value, json};

use crate::support::members::roomy;
use crate::support::people::colleague;
use crate::support::{Actor, Answer};

async fn rename(actor: &Actor, input: Value) -> Answer {
    let query = "mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { account { name } userErrors { code path } } }";
    actor.ok(query, json!({ "input": input })).await
}

#[tokio::test]
async fn admins_rename_the_account() {
    let (app, owner) = roomy().await;
    let admin = colleague(&app, &owner, "admin", "admin").await;
    let engineer = colleague(&app, &owner, "engineer", "engineer").await;
    assert_eq!(rename(&admin, json!({ "name": "  Grace's desk " })).await.data("updateAccount.account.name"), "Grace's desk");
    assert_eq!(rename(&owner, json!({})).await.data("updateAccount.account.name"), "Grace's desk", "absent keeps");
    assert_eq!(rename(&engineer, json!({ "name": "Mine" })).await.refusals("updateAccount"), ["FORBIDDEN"]);
    assert_eq!(rename(&app.anon(), json!({ "name": "Mine" })).await.refusals("updateAccount"), ["UNAUTHENTICATED"]);
    for (name, code) in
        [(json!(null), "REQUIRED"), (json!(" "), "REQUIRED"), (json!("x".repeat(101)), "TOO_LONG"), (json!("a\nb"), "INVALID")]
    {
        let answer = rename(&owner, json!({ "name": name })).await;
        assert_eq!(answer.refusals("updateAccount"), [code]);
        assert_eq!(answer.data("updateAccount.userErrors.0.path"), json!(["name"]));
    }
    let seen = owner.ok("{ viewer { account { name } } }", json!({})).await;
    assert_eq!(seen.data("viewer.account.name"), "Grace's desk");
}
