use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use url::{ParseError, Url};

use super::IssueCode::*;
use super::{MAX_BODY_BYTES, MAX_MEDIA, Report, name, quoted};
use crate::tree::document::{Document, MediaKind, Node};

pub(super) fn check(document: &Document, report: &mut Report) {
    for (key, node) in &document.nodes {
        let who = name(key, node);
        if let Some(url) = node.url.as_ref().filter(|url| !is_web(url)) {
            report.error(UnsafeUrl, key, format!("{who} opens {}; only http and https URLs are allowed.", quoted(url)));
        }
        for media in node.media.iter().take(MAX_MEDIA) {
            if !is_web(&media.url) {
                report.error(UnsafeUrl, key, format!("{who} shows {}; only http and https URLs are allowed.", quoted(&media.url)));
            }
            if media.kind == MediaKind::Image && media.alt.trim().is_empty() {
                report.error(AltMissing, key, format!("The image {} of {who} has no alternative text.", quoted(&media.url)));
            }
        }
        if let Some(body) = node.body.as_ref().filter(|body| body.len() <= MAX_BODY_BYTES) {
            check_body(key, node, body, report);
        }
    }
}

fn check_body(key: &str, node: &Node, body: &str, report: &mut Report) {
    let who = name(key, node);
    let mut has_html = false;
    // The image being read, and whether it has an alternative text so far.
    let mut image: Option<(String, bool)> = None;
    for event in Parser::new_ext(body, Options::empty()) {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => has_html = true,
            Event::Start(Tag::Link { dest_url, .. }) if !is_safe_link(&dest_url) => {
                let message = format!("The body of {who} links to {}; only http, https and mailto are allowed.", quoted(&dest_url));
                report.error(UnsafeUrl, key, message);
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                if !is_web(&dest_url) {
                    let message = format!("The body of {who} shows {}; only http and https URLs are allowed.", quoted(&dest_url));
                    report.error(UnsafeUrl, key, message);
                }
                image = Some((dest_url.into_string(), false));
            }
            Event::Text(_) | Event::Code(_) => {
                if let Some((_, has_alt)) = &mut image {
                    *has_alt = true;
                }
            }
            Event::End(TagEnd::Image) => {
                if let Some((url, false)) = image.take() {
                    report.error(AltMissing, key, format!("The image {} in the body of {who} has no alternative text.", quoted(&url)));
                }
            }
            _ => {}
        }
    }
    if has_html {
        report.error(RawHtml, key, format!("The body of {who} holds HTML; only CommonMark is allowed."));
    }
}

/// Read as browsers read it, so that no spelling of another scheme gets through.
pub fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// A relative link has no scheme to be afraid of.
fn is_safe_link(url: &str) -> bool {
    match Url::parse(url) {
        Ok(url) => matches!(url.scheme(), "http" | "https" | "mailto"),
        Err(error) => error == ParseError::RelativeUrlWithoutBase,
    }
}
