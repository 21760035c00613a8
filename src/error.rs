//! What can go wrong, in two kinds. A *refusal* is expected: it becomes a `UserError` of a mutation's payload. Everything else
//! is an error of the whole request. `Error` has no `Display`, so that no cause can reach a client by accident.

use std::fmt;

use crate::billing::plan::{Limit, Plan};
use crate::tree::validate::Issue;

#[derive(Debug)]
pub enum Error {
    /// Expected: the caller can act on it.
    Refused(Vec<Refusal>),
    /// The input has the right type but makes no sense: an id of another type, a page of 1,000.
    BadInput(String),
    Unauthenticated,
    Forbidden(String),
    /// Seconds until it is worth trying again.
    RateLimited(u64),
    /// A bug, or the outside world failing. Logged once with its cause; the client gets a request id.
    Internal(Cause),
}

/// Why an internal error happened. Only the log may see it.
pub struct Cause(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl Error {
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(Cause(message.into().into()))
    }

    /// The database driver's error, if it is one: what retries and constraint names are decided by.
    pub fn database(&self) -> Option<&diesel::result::Error> {
        self.cause()
    }

    /// What caused an internal error, if it is of this type.
    pub fn cause<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Internal(Cause(cause)) => cause.downcast_ref(),
            Self::Refused(_) | Self::BadInput(_) | Self::Unauthenticated | Self::Forbidden(_) | Self::RateLimited(_) => None,
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(cause: E) -> Self {
        Self::Internal(Cause(Box::new(cause)))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

/// An expected refusal: a code for programs, a sentence for people, and where in `input` the reason lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub path: Vec<String>,
    pub detail: Detail,
}

/// What richer refusals carry beside code, sentence and path.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    None,
    /// The revision that is stored now.
    Revision(i32),
    Issues(Vec<Issue>),
    RetryAfter(u64),
    /// With the cheapest plan that lifts it.
    Limit {
        limit: Limit,
        upgrade: Option<Box<Plan>>,
    },
}

/// `UserErrorCode` of the API. Codes of features that do not exist yet are added with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "UserErrorCode")]
pub enum Code {
    /// The value cannot be accepted; the sentence says why.
    Invalid,
    /// A value is missing.
    Required,
    /// Longer than the limit that the sentence names.
    TooLong,
    /// More items than the limit that the sentence names.
    TooMany,
    /// Not there, or not yours.
    NotFound,
    /// Somebody else has it already.
    Taken,
    /// Something depends on it.
    InUse,
    /// Not possible in the present state.
    WrongState,
    /// Somebody wrote in between: read again, then repeat.
    RevisionConflict,
    /// An account needs an owner.
    LastOwner,
    /// Publishing found errors in the tree.
    TreeInvalid,
    /// The tree has no published version.
    NotPublished,
    /// The plan's limit is reached.
    PlanLimit,
    /// Beyond the plan's limit it costs credits, and none are left.
    InsufficientCredits,
    /// The plan does not include the feature.
    FeatureNotInPlan,
    /// Something has to be paid first.
    PaymentRequired,
    /// There is a subscription already.
    AlreadySubscribed,
    /// There is no subscription.
    NotSubscribed,
    /// The plan is not on sale.
    PlanUnavailable,
    /// A checkout is under way.
    CheckoutOpen,
    /// Unknown login or wrong password; which of the two is not told.
    WrongCredentials,
    /// The token is unknown, used, ended or too old.
    TokenExpired,
    /// The e-mail address must be verified first.
    EmailNotVerified,
    /// Your role does not allow it.
    Forbidden,
    /// Sign in first.
    Unauthenticated,
    /// Too many requests; `retryAfter` says when to come back.
    RateLimited,
    /// The payment provider does not answer.
    StripeUnavailable,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: Vec::new(), detail: Detail::None }
    }

    /// About one field of the input.
    pub fn at(code: Code, field: &str, message: impl Into<String>) -> Self {
        Self { path: vec![field.to_owned()], ..Self::new(code, message) }
    }

    pub fn revision_conflict(current: i32) -> Self {
        Self {
            path: vec!["revision".to_owned()],
            detail: Detail::Revision(current),
            ..Self::new(Code::RevisionConflict, format!("Somebody wrote in between: the revision is now {current}."))
        }
    }
}
