//! From a mail to a message. Each mail has two templates: `name.txt`, which begins with the line `Subject: …`, and `name.html`, which
//! fills the layout and in which everything that people typed is escaped.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::Message;
use crate::error::Error;

const SOURCES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("account_deletion.html", include_str!("templates/account_deletion.html")),
    ("account_deletion.txt", include_str!("templates/account_deletion.txt")),
    ("account_restored.html", include_str!("templates/account_restored.html")),
    ("account_restored.txt", include_str!("templates/account_restored.txt")),
    ("alert.html", include_str!("templates/alert.html")),
    ("alert.txt", include_str!("templates/alert.txt")),
    ("billing.html", include_str!("templates/billing.html")),
    ("billing.txt", include_str!("templates/billing.txt")),
    ("confirm_email.html", include_str!("templates/confirm_email.html")),
    ("confirm_email.txt", include_str!("templates/confirm_email.txt")),
    ("email_changed.html", include_str!("templates/email_changed.html")),
    ("email_changed.txt", include_str!("templates/email_changed.txt")),
    ("email_in_use.html", include_str!("templates/email_in_use.html")),
    ("email_in_use.txt", include_str!("templates/email_in_use.txt")),
    ("invitation.html", include_str!("templates/invitation.html")),
    ("invitation.txt", include_str!("templates/invitation.txt")),
    ("password_changed.html", include_str!("templates/password_changed.html")),
    ("password_changed.txt", include_str!("templates/password_changed.txt")),
    ("reset_password.html", include_str!("templates/reset_password.html")),
    ("reset_password.txt", include_str!("templates/reset_password.txt")),
    ("sign_in_code.html", include_str!("templates/sign_in_code.html")),
    ("sign_in_code.txt", include_str!("templates/sign_in_code.txt")),
    ("verify_email.html", include_str!("templates/verify_email.html")),
    ("verify_email.txt", include_str!("templates/verify_email.txt")),
];

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in SOURCES {
        templates.add_template(name, source)?;
    }
    Ok(templates)
});

/// Every mail that has templates.
pub fn names() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().filter_map(|(name, _)| name.strip_suffix(".txt"))
}

pub fn render<M: Serialize + ?Sized>(mail: &'static str, fields: &M, to: &str) -> Result<Message, Error> {
    let templates = TEMPLATES.as_ref().map_err(|error| Error::internal(format!("a mail's template: {error:#}")))?;
    let fields = Value::from(Serde(fields));
    let written = templates.get_template(&format!("{mail}.txt"))?.render(&fields)?;
    let (subject, text) = written.split_once('\n').unwrap_or((&written, ""));
    let subject = one_line(subject.strip_prefix("Subject:").unwrap_or(subject));
    let html = templates.get_template(&format!("{mail}.html"))?.render(context! { subject => subject.clone(), ..fields })?;
    Ok(Message { mail, to: to.to_owned(), subject, text: format!("{}\n", text.trim()), html })
}

/// A subject is one line, whatever was typed into a name.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
