//! Answers about content that never changes. What a published version's nodes say is asked for in the same words again and again, and
//! an answer is sooner copied than made.

use std::sync::Arc;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use moka::sync::Cache;
use uuid::Uuid;

/// Of memory, over all answers, as far as it can be told.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// What a value takes beside its text.
const VALUE_BYTES: usize = 100;

/// By content and by what was asked of it. In the schema's data.
#[derive(Clone)]
pub struct Answers(Cache<(Uuid, String), Arc<Value>>);

impl Default for Answers {
    fn default() -> Self {
        let weigher = |(_, words): &(Uuid, String), value: &Arc<Value>| u32::try_from(words.len() + size(value)).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigher).build())
    }
}

fn size(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::List(items) => items.iter().map(size).sum(),
            Value::Object(fields) => fields.values().map(size).sum(),
            _ => 0,
        }
}

/// The answer to a field that returns what `make` makes of `content`; None if the content may change. `within`: the fields that have
/// fields of their own and are part of the content. All others depend on who asks, or on what is now, and are never kept.
pub async fn answer<T: OutputType>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    content: Option<Uuid>,
    within: &[&str],
    make: impl Fn() -> T + Send,
) -> ServerResult<Value> {
    let mut words = String::new();
    let key = content.filter(|_| write(ctx, &ctx.item.node, within, &mut words)).map(|content| (content, words));
    let (Some(key), Some(Answers(answers))) = (key, ctx.data_opt::<Answers>()) else { return make().resolve(ctx, field).await };
    if let Some(value) = answers.get(&key) {
        return Ok(Value::clone(&value));
    }
    let value = make().resolve(ctx, field).await?;
    answers.insert(key, Arc::new(value.clone()));
    Ok(value)
}

/// What is asked, with fragments spelled out. False if the answer could be another one another time.
fn write(ctx: &ContextSelectionSet<'_>, set: &SelectionSet, within: &[&str], words: &mut String) -> bool {
    words.push('{');
    let fixed = set.items.iter().all(|selection| {
        let (condition, directives, set) = match &selection.node {
            Selection::Field(field) => {
                let Field { alias, name, arguments, directives, selection_set } = &field.node;
                let (name, leaf) = (name.node.as_str(), selection_set.node.items.is_empty());
                words.push_str(alias.as_ref().map_or("", |alias| alias.node.as_str()));
                words.push(':');
                words.push_str(name);
                words.push(' ');
                return arguments.is_empty()
                    && directives.is_empty()
                    && (leaf || (within.contains(&name) && write(ctx, &selection_set.node, within, words)));
            }
            Selection::FragmentSpread(spread) => match ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => (Some(&fragment.node.type_condition), &spread.node.directives, &fragment.node.selection_set),
                None => return false,
            },
            Selection::InlineFragment(inline) => (inline.node.type_condition.as_ref(), &inline.node.directives, &inline.node.selection_set),
        };
        words.push_str("...");
        words.push_str(condition.map_or("", |condition| condition.node.on.node.as_str()));
        directives.is_empty() && write(ctx, &set.node, within, words)
    });
    words.push('}');
    fixed
}
