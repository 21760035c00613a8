//! Answers about content that never changes. What a published version's nodes say is asked for in the same words again and again, and
//! an answer is sooner copied than made: it is kept as the JSON that leaves.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, OutputType, Positioned, QueryPathSegment, ServerResult, Value};
use moka::sync::Cache;
use uuid::Uuid;

use super::written;

/// Of memory, over all answers.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// What an answer takes beside its text and that of what was asked.
const ANSWER_BYTES: usize = 200;

/// By content and by what was asked of it, as JSON. In the schema's data.
#[derive(Clone)]
pub struct Answers(Cache<(Uuid, String), Value>);

impl Default for Answers {
    fn default() -> Self {
        let weigher = |(_, words): &(Uuid, String), json: &Value| {
            let length = if let Value::Binary(json) = json { json.len() } else { 0 };
            u32::try_from(words.len() + length + ANSWER_BYTES).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigher).build())
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
    let key = content.filter(|_| write(ctx, &ctx.item.node, within, &mut words) && is_alone(ctx)).map(|content| (content, words));
    let (Some(key), Some(Answers(answers))) = (key, ctx.data_opt::<Answers>()) else { return make().resolve(ctx, field).await };
    if let Some(json) = answers.get(&key) {
        return Ok(json);
    }
    let errors = || ctx.query_env.errors.lock().map_or(0, |errors| errors.len());
    let before = errors();
    let value = make().resolve(ctx, field).await?;
    if errors() > before {
        return Ok(value);
    }
    let json = written::json(&value);
    answers.insert(key, json.clone());
    Ok(json)
}

/// Whether no other field of the operation answers to the same name in the same place: the two would be merged, which only values can be.
fn is_alone(ctx: &ContextSelectionSet<'_>) -> bool {
    let path = std::iter::successors(ctx.path_node.as_ref(), |node| node.parent);
    let names = path.filter_map(|node| match node.segment {
        QueryPathSegment::Name(name) => Some(name),
        QueryPathSegment::Index(_) => None,
    });
    let names: Vec<&str> = names.collect();
    let mut sets = vec![&ctx.query_env.operation.node.selection_set.node];
    for name in names.into_iter().rev() {
        let mut found = Vec::new();
        for set in &sets {
            select(ctx, set, name, &mut found);
        }
        sets = found;
    }
    sets.len() == 1
}

/// What is selected of the fields that answer to a name.
fn select<'a>(ctx: &ContextSelectionSet<'a>, set: &'a SelectionSet, name: &str, found: &mut Vec<&'a SelectionSet>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) if field.node.response_key().node == name => found.push(&field.node.selection_set.node),
            Selection::Field(_) => {}
            Selection::InlineFragment(inline) => select(ctx, &inline.node.selection_set.node, name, found),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                    select(ctx, &fragment.node.selection_set.node, name, found);
                }
            }
        }
    }
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
