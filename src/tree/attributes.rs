//! What a tree is called and how it is filed, checked.

use crate::error::{Code, Refusal};
use crate::text;

pub const MAX_TITLE: usize = 200;
const MAX_SUMMARY: usize = 1000;
const MAX_SLUG: usize = 80;
const MAX_TAGS: usize = 20;
const MAX_TAG: usize = 40;
/// The language of trees whose author names none.
pub const DEFAULT_LOCALE: &str = "en";

pub fn title(value: &str) -> Result<String, Refusal> {
    text::required("title", value, MAX_TITLE)
}

pub fn summary(value: Option<&str>) -> Result<Option<String>, Refusal> {
    text::optional("summary", value, MAX_SUMMARY)
}

/// Lower-case letters, digits and single hyphens: it stands in addresses and in other trees' documents.
pub fn slug(value: &str) -> Result<String, Refusal> {
    let slug = text::required("slug", value, MAX_SLUG)?;
    if slug == slugify(&slug) {
        return Ok(slug);
    }
    let message = format!("`slug` may have lower-case letters, digits and single hyphens between them, e.g. `{}`.", slugify(&slug));
    Err(Refusal::at(Code::Invalid, "slug", message))
}

/// The slug that a title suggests. Never empty.
pub fn slugify(title: &str) -> String {
    let mut slug = String::new();
    for character in title.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "tree".to_owned() } else { slug.to_owned() }
}

/// The slug that makes way for an equal one: `slug-2`, `slug-3`…, cut to stay within the limit.
pub fn numbered_slug(slug: &str, number: u32) -> String {
    let suffix = format!("-{number}");
    let stem = slug.get(..MAX_SLUG - suffix.len()).unwrap_or(slug).trim_end_matches('-');
    stem.to_owned() + &suffix
}

/// What all slugs begin with that `numbered_slug` makes of one.
pub fn slug_stem(slug: &str) -> &str {
    slug.get(..MAX_SLUG - "-4294967295".len()).unwrap_or(slug).trim_end_matches('-')
}

/// Lower case, without duplicates, in the author's order.
pub fn tags(values: &[String]) -> Result<Vec<String>, Refusal> {
    let mut tags: Vec<String> = Vec::with_capacity(values.len().min(MAX_TAGS));
    for value in values {
        let tag = text::required("tags", value, MAX_TAG)?.to_lowercase();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > MAX_TAGS {
            return Err(Refusal::at(Code::TooMany, "tags", format!("A tree may have at most {MAX_TAGS} tags.")));
        }
    }
    Ok(tags)
}

/// A language tag such as `en` or `pt-BR` (the shape of BCP 47, not its registry).
pub fn locale(value: &str) -> Result<String, Refusal> {
    let locale = text::required("locale", value, 35)?;
    let well_formed = locale.split('-').enumerate().all(|(place, part)| {
        let letters = part.bytes().all(|b| if place == 0 { b.is_ascii_alphabetic() } else { b.is_ascii_alphanumeric() });
        letters && (if place == 0 { 2..=3 } else { 1..=8 }).contains(&part.len())
    });
    if well_formed {
        return Ok(locale);
    }
    Err(Refusal::at(Code::Invalid, "locale", format!("`{locale}` is no language tag such as `en` or `pt-BR`.")))
}
