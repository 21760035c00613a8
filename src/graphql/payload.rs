//! How mutations answer: what changed, or `userErrors`. Well-typed input never raises a top-level error.

use async_graphql::{Interface, SimpleObject};

use crate::billing::graphql::plan::{Limit, PlanObject};
use crate::error::{Code, Detail, Error, Refusal};
use crate::tree::graphql::TreeIssue;

/// An expected refusal. Clients can always select `code`, `message` and `path`; richer errors add fields.
#[derive(Clone, Interface)]
#[graphql(
    field(name = "code", ty = "&Code", desc = "The reason, for programs."),
    field(name = "message", ty = "&String", desc = "One sentence for a person; names the limit or the value that was refused."),
    field(name = "path", ty = "&Option<Vec<String>>", desc = "Path into `input`, e.g. [\"document\", \"nodes\", \"reboot\", \"next\"].")
)]
pub enum UserError {
    FieldError(FieldError),
    RevisionConflict(RevisionConflict),
    TreeInvalid(TreeInvalid),
    RateLimited(RateLimited),
    LimitReached(LimitReached),
}

/// A refusal without further details.
#[derive(Clone, SimpleObject)]
pub struct FieldError {
    /// The reason, for programs.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Path into `input`.
    pub path: Option<Vec<String>>,
}

/// Somebody wrote in between.
#[derive(Clone, SimpleObject)]
pub struct RevisionConflict {
    /// The reason, for programs.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Path into `input`.
    pub path: Option<Vec<String>>,
    /// What is stored now.
    pub current_revision: i32,
}

/// Publishing found errors in the tree.
#[derive(Clone, SimpleObject)]
pub struct TreeInvalid {
    /// The reason, for programs.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Path into `input`.
    pub path: Option<Vec<String>>,
    /// What stands between this content and being published.
    pub issues: Vec<TreeIssue>,
}

/// Too many requests.
#[derive(Clone, SimpleObject)]
pub struct RateLimited {
    /// The reason, for programs.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Path into `input`.
    pub path: Option<Vec<String>>,
    /// Seconds.
    pub retry_after: u64,
}

/// The plan allows no more.
#[derive(Clone, SimpleObject)]
pub struct LimitReached {
    /// The reason, for programs.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Path into `input`.
    pub path: Option<Vec<String>>,
    /// The limit, and how much of it is used.
    pub limit: Limit,
    /// The cheapest plan that lifts the limit.
    pub upgrade_to: Option<PlanObject>,
}

impl From<Refusal> for UserError {
    fn from(Refusal { code, message, path, detail }: Refusal) -> Self {
        let path = (!path.is_empty()).then_some(path);
        match detail {
            Detail::None => Self::FieldError(FieldError { code, message, path }),
            Detail::Revision(current_revision) => Self::RevisionConflict(RevisionConflict { code, message, path, current_revision }),
            Detail::Issues(issues) => {
                Self::TreeInvalid(TreeInvalid { code, message, path, issues: issues.into_iter().map(TreeIssue).collect() })
            }
            Detail::RetryAfter(retry_after) => Self::RateLimited(RateLimited { code, message, path, retry_after }),
            Detail::Limit { limit, upgrade } => {
                let upgrade_to = upgrade.map(|plan| PlanObject(*plan));
                Self::LimitReached(LimitReached { code, message, path, limit: limit.into(), upgrade_to })
            }
        }
    }
}

/// A mutation's payload: built from what changed, or from refusals with everything else null.
pub trait Payload {
    fn refused(user_errors: Vec<UserError>) -> Self;
}

/// Turns an operation's result into what the mutation answers. Only what is no answer at all stays an error.
pub fn answer<P: Payload>(result: Result<P, Error>) -> Result<P, Error> {
    let refusals = match result {
        Ok(payload) => return Ok(payload),
        Err(Error::Refused(refusals)) => refusals,
        Err(Error::Unauthenticated) => vec![Refusal::new(Code::Unauthenticated, "Sign in first.")],
        Err(Error::Forbidden(message)) => vec![Refusal::new(Code::Forbidden, message)],
        Err(Error::RateLimited(seconds)) => vec![Refusal {
            detail: Detail::RetryAfter(seconds),
            ..Refusal::new(Code::RateLimited, format!("Too much at once: try again in {seconds} s."))
        }],
        Err(error @ (Error::BadInput(_) | Error::Internal(_))) => return Err(error),
    };
    Ok(P::refused(refusals.into_iter().map(UserError::from).collect()))
}
