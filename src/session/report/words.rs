//! The words that Markdown and HTML share.

use super::{Report, ReportOutcome, ReportStep};
use crate::session::record::StepKind;
use crate::session::state::Status;
use chrono::{DateTime, Utc};

/// A step as a line: what stands out, and what follows it.
pub fn line(step: &ReportStep) -> (String, Option<String>) {
    let title = || step.node_title.clone();
    let label = || step.label.clone();
    let after = |word: &str| format!("{word} {}", step.label.as_deref().unwrap_or_default());
    match step.kind {
        StepKind::Started => (format!("Started at “{}”", step.node_title), label()),
        StepKind::Answered => (title(), label()),
        StepKind::Continued => (title(), Some("done".into())),
        StepKind::Decided => (title(), Some(after("→"))),
        StepKind::EnteredSubtree => (title(), Some("begun".into())),
        StepKind::LeftSubtree => (title(), Some(after("ended:"))),
        StepKind::Undone => (after("Went"), None),
        StepKind::Noted => ("Note".into(), None),
        StepKind::Paused => ("Paused".into(), None),
        StepKind::Resumed => ("Resumed".into(), None),
        StepKind::HandedOver => (after("Handed over"), None),
        StepKind::Completed => (after("Completed:"), None),
        StepKind::Abandoned => ("Abandoned".into(), None),
    }
}

/// The head of a report: name and value, in order.
pub fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let status = match report.status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Completed => "completed",
        Status::Abandoned => "abandoned",
    };
    let facts = [
        ("Subject", report.subject.clone()),
        ("Status", Some(status.to_owned())),
        ("Outcome", report.outcome.as_ref().map(outcome)),
        ("Helpful", report.outcome.as_ref().and_then(|outcome| outcome.helpful).map(|helpful| yes_no(helpful).to_owned())),
        ("Technician", Some(report.assignee.clone())),
        ("Started", Some(moment(report.started_at))),
        ("Ended", report.ended_at.map(moment)),
        ("Working time", Some(duration(report.active_seconds))),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

pub fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

pub fn duration(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// Text without control characters, which neither format can show, and its line ends as `\n`.
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn outcome(outcome: &ReportOutcome) -> String {
    match &outcome.resolution_title {
        Some(title) => format!("{} ({title})", outcome.kind.as_str()),
        None => outcome.kind.as_str().to_owned(),
    }
}
