//! How long the bounded lists of objects are, as the guard counts them: what is usual, not what is possible. Connections are
//! counted by their page, lists of scalars belong to their object. A test wants an entry for every list of objects.

/// For a list that nobody declared.
pub const UNDECLARED: u64 = 100;

const SIZES: &[(&str, u64)] = &[
    ("Account.invitations", 20),
    ("Account.limits", 3),
    ("AccountReport.deliveries", 20),
    ("ActionNode.media", 2),
    ("DecisionNode.media", 2),
    ("DecisionNode.rules", 4),
    ("Plan.limits", 3),
    ("Plan.prices", 2),
    ("Query.categories", 20),
    ("Query.creditPacks", 3),
    ("Query.nodes", 20),
    ("Query.plans", 4),
    ("Query.templates", 10),
    ("QuestionNode.media", 2),
    ("QuestionNode.options", 4),
    ("ResolutionNode.media", 2),
    ("RetryWebhooksPayload.deliveries", 20),
    ("Staff.alerts", 5),
    ("Staff.deadJobs", 20),
    ("Staff.plans", 6),
    ("SubtreeNode.media", 2),
    ("TreeDiff.changes", 20),
    ("TreeInvalid.issues", 20),
    ("TreeNode.media", 2),
    ("TreeVersion.issues", 10),
    ("TreeVersion.nodes", 25),
    ("TreeVersion.variables", 5),
    ("Viewer.memberships", 5),
    ("Viewer.signIns", 5),
];

/// Scalars that may be as long as a document: a page of a hundred is still allowed, twice as many are not.
const LONG: [&str; 3] = ["TreeDiff.markdown", "TreeVersion.document", "TreeVersion.export"];
const LONG_WEIGHT: u64 = 40;

/// What a scalar costs.
pub fn weight(ty: &str, field: &str) -> u64 {
    let is_long = LONG.iter().any(|name| name.split_once('.') == Some((ty, field)));
    if is_long { LONG_WEIGHT } else { 0 }
}

/// The declared size of `ty.field`. Every payload's `userErrors` are few.
pub fn of(ty: &str, field: &str) -> Option<u64> {
    if field == "userErrors" {
        return Some(2);
    }
    SIZES.iter().find(|(name, _)| name.split_once('.') == Some((ty, field))).map(|(_, size)| *size)
}

/// The fields that have an entry, as `Type.field`: a test wants none that the schema does not have.
pub fn declared() -> impl Iterator<Item = &'static str> {
    SIZES.iter().map(|(name, _)| *name).chain(LONG)
}
