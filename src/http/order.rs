//! Fields in the order in which they are asked for, as GraphQL defines it. async-graphql puts a field into its object when it is resolved,
//! so that two equal requests would be answered in different orders, by whichever statement the database was done with first.

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use indexmap::IndexMap;

use super::operation::definition;

pub fn put(data: &mut Value, document: &ExecutableDocument, operation: Option<&str>) {
    if let Some(operation) = definition(document, operation) {
        Selected::of(document, &[&operation.selection_set.node]).arrange(data);
    }
}

/// What is selected, by the name under which it is answered. Nothing: it has no fields that are known.
struct Selected<'d>(Vec<(&'d str, Selected<'d>)>);

impl<'d> Selected<'d> {
    /// A field that is selected twice stands where it is selected first, with what is selected of it both times.
    fn of(document: &'d ExecutableDocument, sets: &[&'d SelectionSet]) -> Self {
        let mut fields = IndexMap::new();
        sets.iter().for_each(|set| collect(document, set, &mut fields));
        Self(fields.into_iter().map(|(name, sets)| (name, Self::of(document, &sets))).collect())
    }

    fn arrange(&self, value: &mut Value) {
        match value {
            _ if self.0.is_empty() => {}
            Value::List(items) => items.iter_mut().for_each(|item| self.arrange(item)),
            Value::Object(fields) => {
                let mut selected = self.0.iter();
                // Most are, since most fields are at hand.
                let in_order = fields.keys().all(|name| selected.any(|(known, _)| *known == name.as_str()));
                if !in_order {
                    fields.sort_by_cached_key(|name, _| self.0.iter().position(|(known, _)| *known == name.as_str()));
                }
                let mut selected = self.0.iter();
                for (name, value) in fields {
                    if let Some((_, within)) = selected.find(|(known, _)| *known == name.as_str()) {
                        within.arrange(value);
                    }
                }
            }
            _ => {}
        }
    }
}

/// With what fragments select, whatever their types. Where fragments of two types answer under the same names in different orders, and behind
/// `@skip`, the first order written counts for both: the fields are the right ones, their order may not be.
fn collect<'d>(document: &'d ExecutableDocument, set: &'d SelectionSet, fields: &mut IndexMap<&'d str, Vec<&'d SelectionSet>>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                fields.entry(field.node.response_key().node.as_str()).or_default().push(&field.node.selection_set.node);
            }
            Selection::InlineFragment(inline) => collect(document, &inline.node.selection_set.node, fields),
            // The guard has made sure that fragments end.
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    collect(document, &fragment.node.selection_set.node, fields);
                }
            }
        }
    }
}
