//! What subtree nodes call: from the reference that an author wrote to the version that is published now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;

use super::document::{Document, Key};
use super::tree::{Status, Tree, TreeRef};
use super::validate::{Callee, Callees, Runs};
use super::version::{Closure, Nested, Pin, Version, Versions};
use crate::db::schema::trees;
use crate::db::{Conn, Lock};
use crate::error::Error;
use crate::id::{AccountId, TreeId, VersionId};

/// Held by whoever changes what calls what, until the transaction ends: of two trees that begin to call each other, the second sees
/// the cycle; a tree that is being called cannot be deleted.
pub fn lock(account: AccountId) -> Lock {
    Lock::named(format!("calls:{}", uuid::Uuid::from(account)))
}

/// What a document calls, as it is written there.
#[derive(Debug, Default)]
pub struct References {
    pub ids: Vec<TreeId>,
    pub slugs: Vec<String>,
}

impl References {
    pub fn of(document: &Document) -> Self {
        let mut references = Self::default();
        let written: HashSet<&str> = document.nodes.values().filter_map(|node| node.tree.as_deref()).collect();
        for reference in written {
            match TreeRef::parse(reference) {
                TreeRef::Id(id) => references.ids.push(id),
                TreeRef::Slug(slug) => references.slugs.push(slug),
            }
        }
        references
    }
}

/// The trees that a document calls, as they stand now.
#[derive(Default)]
pub struct Calls {
    /// By the reference as written in the document.
    called: HashMap<String, Tree>,
    versions: Closure,
}

impl Calls {
    pub async fn resolve(conn: &mut Conn, versions: &Versions, account: AccountId, document: &Document) -> Result<Self, Error> {
        let References { ids, slugs } = References::of(document);
        if ids.is_empty() && slugs.is_empty() {
            return Ok(Self::default());
        }
        let named = trees::id.eq_any(ids).or(trees::slug.eq_any(slugs));
        let query = trees::table.filter(trees::account_id.eq(account)).filter(named).select(Tree::as_select());
        let calls = Self::among(&diesel_async::RunQueryDsl::load(query, conn).await?, document);
        let closure = versions.closure(conn, &calls.roots()).await?;
        Ok(calls.with(closure))
    }

    /// Those of the trees that the document calls, without what they call.
    pub fn among(trees: &[Tree], document: &Document) -> Self {
        let references = document.nodes.values().filter_map(|node| node.tree.as_deref());
        let find = |reference: &str| match TreeRef::parse(reference) {
            TreeRef::Id(id) => trees.iter().find(|tree| tree.id == id),
            TreeRef::Slug(slug) => trees.iter().find(|tree| tree.slug == slug),
        };
        let called = references.filter_map(|reference| Some((reference.to_owned(), find(reference)?.clone()))).collect();
        Self { called, versions: Closure::default() }
    }

    /// The versions that are called at present.
    pub fn roots(&self) -> Vec<(AccountId, VersionId)> {
        self.called.values().filter_map(|tree| Some((tree.account_id, callable(tree)?))).collect()
    }

    /// With what the trees call. These versions may be more than those.
    pub fn with(self, versions: Closure) -> Self {
        Self { versions, ..self }
    }

    /// What validation has to know of them. `this` is the tree that calls; none for one that does not exist yet.
    pub fn callees(&self, this: Option<TreeId>) -> Callees {
        let describe = |tree: &Tree| {
            let Some(version) = callable(tree).and_then(|id| self.versions.get(id)) else { return Callee::NotPublished };
            let Nested { depth, runs } = self.nested(version);
            let calls_this = this.is_some_and(|this| tree.id == this || self.reaches(version, this));
            Callee::Published { variables: version.document.variables.clone(), depth, runs, calls_this }
        };
        self.called.iter().map(|(reference, tree)| (reference.clone(), describe(tree))).collect()
    }

    /// For each subtree node, the version that it calls from now on. Those of unpublished trees are left out: validation has refused them.
    pub fn pins(&self, document: &Document) -> HashMap<String, Pin> {
        let pin = |reference: &str| {
            let tree = self.called.get(reference)?;
            Some(Pin { account: tree.account_id, tree: tree.id, version: callable(tree)? })
        };
        document.nodes.iter().filter_map(|(key, node)| Some((key.clone(), pin(node.tree.as_deref()?)?))).collect()
    }

    /// Published calls are at most 8 deep, so this recursion ends.
    fn nested(&self, version: &Version) -> Nested {
        *version.nested.get_or_init(|| {
            let callees = version.pins.iter().filter_map(|(key, pin)| Some((key, self.versions.get(pin.version)?)));
            let callees: HashMap<&Key, Nested> = callees.map(|(key, callee)| (key, self.nested(callee))).collect();
            let depth = 1 + callees.values().map(|callee| callee.depth).max().unwrap_or(0);
            Nested { depth, runs: Runs::of(&version.document, &|key| callees.get(key).map(|callee| callee.runs)) }
        })
    }

    /// Whether a version calls any version of a tree, directly or through others.
    fn reaches(&self, from: &Version, tree: TreeId) -> bool {
        let mut seen = HashSet::from([from.id]);
        let mut waiting = vec![from];
        while let Some(version) = waiting.pop() {
            if version.tree_id == tree {
                return true;
            }
            let callees = version.pins.values().filter_map(|pin| self.versions.get(pin.version));
            waiting.extend(callees.map(Arc::as_ref).filter(|callee| seen.insert(callee.id)));
        }
        false
    }
}

/// What a call of this tree would run: nothing unless it is published and in use.
fn callable(tree: &Tree) -> Option<VersionId> {
    match tree.status {
        Status::Published => tree.published_version_id,
        Status::Draft | Status::Archived => None,
    }
}
