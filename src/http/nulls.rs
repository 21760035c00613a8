//! Null where a field failed. async-graphql leaves a field that failed out of its object, whatever its type says; a client is promised
//! null in its place, or, if its type excludes null, in place of the nearest thing around it whose type does not.

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, PathSegment, Response as Executed, Value};

use super::operation::definition;
use crate::graphql::shape::{FieldShape, Shape};

/// Puts the nulls of all errors into the data.
pub fn put(executed: &mut Executed, document: &ExecutableDocument, operation: Option<&str>, shape: &Shape) {
    if executed.errors.iter().all(|error| error.path.is_empty()) {
        return;
    }
    let mut places: Vec<&[PathSegment]> =
        executed.errors.iter().filter_map(|error| place_of_null(&error.path, document, operation, shape)).collect();
    // What lies deep first: a null further up then covers it.
    places.sort_by_key(|place| std::cmp::Reverse(place.len()));
    for place in places {
        put_at(&mut executed.data, place);
    }
}

fn put_at(value: &mut Value, place: &[PathSegment]) {
    let Some((step, rest)) = place.split_first() else {
        *value = Value::Null;
        return;
    };
    match (step, value) {
        (PathSegment::Field(name), Value::Object(fields)) => put_at(fields.entry(Name::new(name)).or_insert(Value::Null), rest),
        // All its fields failed, and async-graphql made nothing of it.
        (PathSegment::Field(name), value @ Value::Null) => {
            let mut child = Value::Null;
            put_at(&mut child, rest);
            *value = Value::Object([(Name::new(name), child)].into_iter().collect());
        }
        (PathSegment::Index(index), Value::List(items)) => {
            if let Some(item) = items.get_mut(*index) {
                put_at(item, rest);
            }
        }
        _ => {}
    }
}

/// The part of `path` that leads to what must be null; None if the path is not understood.
fn place_of_null<'p>(
    path: &'p [PathSegment],
    document: &ExecutableDocument,
    operation: Option<&str>,
    shape: &Shape,
) -> Option<&'p [PathSegment]> {
    let operation = definition(document, operation)?;
    let mut sets = vec![(shape.root(operation.ty), &operation.selection_set.node)];
    let mut field: Option<&FieldShape> = None;
    // How many lists of the field's type the path has entered.
    let mut lists = 0;
    // Nothing is around the root: `data` itself may always be null.
    let mut place = 0;
    for (index, step) in path.iter().enumerate() {
        match step {
            PathSegment::Field(key) => {
                let mut found = Vec::new();
                for (parent, set) in &sets {
                    select(document, parent, set, key, shape, &mut found);
                }
                let (known, _) = *found.first()?;
                sets = found.iter().map(|(known, set)| (known.ty.as_str(), *set)).collect();
                (field, lists) = (Some(known), 0);
            }
            PathSegment::Index(_) => lists += 1,
        }
        if *field?.nullable.get(lists)? {
            place = index + 1;
        }
    }
    path.get(..place)
}

/// Finds what the response key `key` stands for in a selection set.
fn select<'d>(
    document: &'d ExecutableDocument,
    parent: &str,
    set: &'d SelectionSet,
    key: &str,
    shape: &'d Shape,
    found: &mut Vec<(&'d FieldShape, &'d SelectionSet)>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) if field.node.response_key().node == key => {
                found.extend(shape.field(parent, &field.node.name.node).map(|known| (known, &field.node.selection_set.node)));
            }
            Selection::Field(_) => {}
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref().map_or(parent, |condition| condition.node.on.node.as_str());
                select(document, on, &inline.node.selection_set.node, key, shape, found);
            }
            // The guard has made sure that fragments end.
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    select(document, &fragment.node.type_condition.node.on.node, &fragment.node.selection_set.node, key, shape, found);
                }
            }
        }
    }
}
