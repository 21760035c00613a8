//! Mails to the platform's own people.

use serde::Serialize;

use super::Mail;

/// Tells that a condition needs somebody.
#[derive(Debug, Serialize)]
pub struct Alert {
    /// What is wrong: `dead_job`.
    pub kind: String,
    /// What it is about: the name of a job.
    pub about: String,
    pub message: String,
    pub since: String,
}

impl Mail for Alert {
    const NAME: &'static str = "alert";
}
