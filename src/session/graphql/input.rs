//! What clients send about sessions.

use async_graphql::{Enum, ID, InputObject, OneofObject};

use super::session::SessionStatus;
use crate::error::{Code, Error, Refusal};
use crate::graphql::scalars::{DateTime, Json};
use crate::id::{Id, SessionId, TreeId, UserId};
use crate::session::act::Target;
use crate::session::commands::Answer;
use crate::session::{list, report, start};
use crate::tree::graphql::{OutcomeKind, TreeRef};

/// Which sessions to list; all conditions hold.
#[derive(InputObject, Default)]
pub struct SessionFilter {
    /// Of this tree.
    pub tree_id: Option<ID>,
    /// Any of these.
    pub status: Option<Vec<SessionStatus>>,
    /// Worked on by this person.
    pub assignee_id: Option<ID>,
    /// Any of these.
    pub outcome: Option<Vec<OutcomeKind>>,
    /// Later than this instant.
    pub started_after: Option<DateTime>,
    /// Earlier than this instant.
    pub started_before: Option<DateTime>,
}

impl TryFrom<SessionFilter> for list::Filter {
    type Error = Error;

    fn try_from(filter: SessionFilter) -> Result<Self, Error> {
        Ok(Self {
            tree: filter.tree_id.map(|id| TreeId::decode(&id)).transpose()?,
            status: filter.status.map(|status| status.into_iter().map(Into::into).collect()),
            assignee: filter.assignee_id.map(|id| UserId::decode(&id)).transpose()?,
            outcome: filter.outcome.map(|outcome| outcome.into_iter().map(Into::into).collect()),
            started_after: filter.started_after.map(|DateTime(time)| time),
            started_before: filter.started_before.map(|DateTime(time)| time),
        })
    }
}

/// Starts a session.
#[derive(InputObject)]
pub struct StartSessionInput {
    /// The tree to walk; it must be published.
    pub tree: TreeRef,
    /// What it is about, in at most 200 characters.
    pub subject: Option<String>,
    /// An object: values of the tree's variables that are known already.
    pub variables: Option<Json>,
    /// Start in the middle; the skip is recorded.
    pub at_node: Option<String>,
    /// Same key, same session.
    pub idempotency_key: Option<String>,
}

impl TryFrom<StartSessionInput> for start::StartSession {
    type Error = Error;

    fn try_from(input: StartSessionInput) -> Result<Self, Error> {
        let variables = match input.variables {
            None | Some(Json(serde_json::Value::Null)) => Default::default(),
            Some(Json(serde_json::Value::Object(values))) => values.into_iter().collect(),
            Some(_) => return Err(Refusal::at(Code::Invalid, "variables", "`variables` must be an object.").into()),
        };
        Ok(Self {
            tree: input.tree.try_into()?,
            subject: input.subject,
            variables,
            at_node: input.at_node,
            idempotency_key: input.idempotency_key,
        })
    }
}

/// Answers the question, or passes the action, on which the session stands.
#[derive(InputObject)]
pub struct AnswerSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// The node that is answered, so that an answer never lands on another one.
    pub node_key: String,
    /// The answer.
    pub answer: AnswerInput,
    /// At most 4 KiB.
    pub note: Option<String>,
    /// Time spent on it.
    pub active_seconds: Option<i32>,
}

/// One of: an option's key; free input for TEXT, NUMBER or DATE questions; `continue` past an action.
#[derive(OneofObject)]
pub enum AnswerInput {
    /// An option's key.
    Option(String),
    /// Free text, at most 4 KiB.
    Text(String),
    /// A finite number.
    Number(f64),
    /// A calendar day, as 2026-01-31.
    Date(String),
    /// True: the action is done.
    Continue(bool),
}

impl TryFrom<AnswerInput> for Answer {
    type Error = Error;

    fn try_from(answer: AnswerInput) -> Result<Self, Error> {
        Ok(match answer {
            AnswerInput::Option(key) => Self::Option(key),
            AnswerInput::Text(text) => Self::Text(text),
            AnswerInput::Number(number) => Self::Number(number),
            AnswerInput::Date(date) => Self::Date(date),
            AnswerInput::Continue(true) => Self::Continue,
            AnswerInput::Continue(false) => {
                let path = vec!["answer".to_owned(), "continue".to_owned()];
                return Err(Refusal { path, ..Refusal::new(Code::Invalid, "`continue` can only be true.") }.into());
            }
        })
    }
}

/// Goes back.
#[derive(InputObject)]
pub struct UndoSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// The step to go back to; the previous one when left out.
    pub to_seq: Option<i32>,
}

/// Adds a note.
#[derive(InputObject)]
pub struct NoteSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// At most 4 KiB.
    pub note: String,
}

/// Lets a session wait.
#[derive(InputObject)]
pub struct PauseSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// Why, in at most 4 KiB.
    pub reason: Option<String>,
}

/// Goes on with a session that waits.
#[derive(InputObject)]
pub struct ResumeSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
}

/// Gives a session to somebody else.
#[derive(InputObject)]
pub struct HandOverSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// An active member of the account.
    pub to_user_id: ID,
    /// At most 4 KiB.
    pub note: Option<String>,
}

/// Ends a session.
#[derive(InputObject)]
pub struct CompleteSessionInput {
    /// Which session.
    pub session_id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// Default: the outcome of the resolution reached.
    pub outcome: Option<OutcomeKind>,
    /// At most 4 KiB.
    pub summary: Option<String>,
    /// Whether the tree helped.
    pub helpful: Option<bool>,
}

/// Writes a session down.
#[derive(InputObject)]
pub struct ExportSessionInput {
    /// Which session.
    pub session_id: ID,
    /// How.
    pub format: ExportFormat,
    /// Leaves out what is marked as personal data.
    #[graphql(default = true)]
    pub redact_pii: bool,
}

/// How to write a session down.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "report::Format")]
pub enum ExportFormat {
    /// For programs.
    Json,
    /// Ready to paste into a ticket.
    Markdown,
    /// One self-contained page.
    Html,
    /// A line a step.
    Csv,
}

pub fn target(session: &ID, revision: i32) -> Result<Target, Error> {
    Ok(Target { session: SessionId::decode(session)?, revision })
}
