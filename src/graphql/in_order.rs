//! Objects whose fields are at hand, resolved one after the other. async-graphql gives each field of each object a future in a box and
//! a set of futures to wait in, which costs many times what reading a title costs. Here a field's future lives on the stack, and objects of
//! one list still wait side by side, so that loaders see them together.
//!
//! The fields themselves are those of the `#[Object]`: this only changes how they are walked.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{ContainerType, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};

/// A type that is resolved in order.
pub trait Ordered: OutputType {
    /// `resolve(ctx, self)`, or for an interface that of the object within.
    fn in_order(&self, ctx: &ContextSelectionSet<'_>) -> impl Future<Output = ServerResult<Value>> + Send;
}

/// Wraps what a field returns, as in `Vec<InOrder<TreeNode>>`.
#[derive(Clone)]
pub struct InOrder<T>(pub T);

impl<T: Ordered> OutputType for InOrder<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        self.0.in_order(ctx).await
    }
}

/// Resolves an object's fields in the order in which they are selected.
pub async fn resolve<T: ContainerType>(ctx: &ContextSelectionSet<'_>, object: &T) -> ServerResult<Value> {
    let type_name = T::type_name();
    let mut fields = Vec::with_capacity(ctx.item.node.items.len() + 4);
    collect(ctx, &ctx.item.node, &type_name, &mut fields);
    let mut values = IndexMap::with_capacity(fields.len());
    for field in fields {
        let key = field.node.response_key().node.clone();
        if field.node.name.node == "__typename" {
            values.insert(key, Value::String(type_name.clone().into_owned()));
            continue;
        }
        match object.resolve_field(&ctx.with_field(field)).await {
            Ok(value) => merge(&mut values, key, value.unwrap_or_default()),
            Err(error) => ctx.add_error(error),
        }
    }
    Ok(Value::Object(values))
}

/// The fields that apply to an object type, with those of its fragments.
fn collect<'a>(ctx: &ContextSelectionSet<'a>, set: &'a SelectionSet, type_name: &str, fields: &mut Vec<&'a Positioned<Field>>) {
    for selection in &set.items {
        let (condition, set) = match &selection.node {
            Selection::Field(field) => {
                fields.push(field);
                continue;
            }
            // Validation has made sure that the fragment exists.
            Selection::FragmentSpread(spread) => match ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => (Some(&fragment.node.type_condition), &fragment.node.selection_set),
                None => continue,
            },
            Selection::InlineFragment(fragment) => (fragment.node.type_condition.as_ref(), &fragment.node.selection_set),
        };
        let applies = condition.is_none_or(|condition| {
            let condition = condition.node.on.node.as_str();
            let interfaces = ctx.schema_env.registry.implements.get(type_name);
            condition == type_name || interfaces.is_some_and(|interfaces| interfaces.contains(condition))
        });
        if applies {
            collect(ctx, &set.node, type_name, fields);
        }
    }
}

/// A field that is selected twice, each time with fields of its own, has them all.
fn merge(values: &mut IndexMap<Name, Value>, key: Name, value: Value) {
    match values.entry(key) {
        async_graphql::indexmap::map::Entry::Vacant(place) => {
            place.insert(value);
        }
        async_graphql::indexmap::map::Entry::Occupied(mut place) => merge_value(place.get_mut(), value),
    }
}

fn merge_value(into: &mut Value, value: Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(fields)) => {
            for (key, value) in fields {
                merge(into, key, value);
            }
        }
        (Value::List(into), Value::List(items)) => {
            for (into, value) in into.iter_mut().zip(items) {
                merge_value(into, value);
            }
        }
        _ => {}
    }
}
