//! `publishTree`: the draft becomes a version that never changes, and what it calls is pinned.

use std::sync::{Arc, OnceLock};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::calls::{self, Calls};
use super::document::NodeKind;
use super::texts::{self, Edition};
use super::tree::{Status, Tree};
use super::validate::{Severity, Stage, has_errors, validate};
use super::version::Version;
use crate::app::App;
use crate::billing::plan::Feature;
use crate::billing::usage;
use crate::db::schema::trees;
use crate::error::{Code, Detail, Error, Refusal};
use crate::id::{Id, TreeId, VersionId};
use crate::identity::actor::{Actor, Role};
use crate::text;

const MAX_NOTES: usize = 4096;

pub async fn publish(app: &App, actor: &Actor, id: TreeId, revision: i32, notes: Option<&str>) -> Result<(Tree, Arc<Version>), Error> {
    actor.require(Role::Engineer)?;
    let notes = text::optional("notes", notes, MAX_NOTES)?;
    let now = app.clock.now();
    let version_id = VersionId::at(now);

    let published = app
        .db
        .transaction_under(&calls::lock(actor.account), &async |conn| {
            let tree = Tree::lock(conn, actor.account, id, revision).await?;
            tree.require_in_use()?;
            let document = Tree::draft(conn, tree.account_id, tree.id).await?;
            if document.nodes.values().any(|node| node.kind == NodeKind::Subtree) {
                usage::require(conn, actor.account, Feature::Subtrees, now).await?;
            }
            let calls = Calls::resolve(conn, &app.versions, actor.account, &document).await?;
            let issues = validate(&document, Stage::Publish, &calls.callees(Some(tree.id)));
            if has_errors(&issues) {
                let errors = issues.iter().filter(|issue| issue.severity == Severity::Error).count();
                let message = format!("The tree has {errors} {} to mend before it can be published.", plural(errors));
                return Err(Refusal { detail: Detail::Issues(issues), ..Refusal::new(Code::TreeInvalid, message) }.into());
            }
            let version = Version {
                account_id: tree.account_id,
                id: version_id,
                tree_id: tree.id,
                number: Version::next_number(conn, tree.account_id, tree.id).await?,
                digest: tree.draft_digest.clone(),
                pins: Arc::new(calls.pins(&document)),
                nested: OnceLock::new(),
                document: Arc::new(document),
                notes: notes.clone(),
                published_by: actor.user,
                published_at: now,
            };
            Version::insert(conn, &version).await?;
            let tree: Tree = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .set((
                    trees::published_version_id.eq(version.id),
                    trees::status.eq(Status::Published.as_str()),
                    trees::revision.eq(tree.revision + 1),
                    trees::updated_at.eq(now),
                ))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await?;
            texts::write(conn, &tree, Edition::Published, &version.document).await?;
            Ok((tree, Arc::new(version)))
        })
        .await?;
    app.trees.forget(actor.account, id);
    Ok(published)
}

fn plural(errors: usize) -> &'static str {
    if errors == 1 { "error" } else { "errors" }
}
