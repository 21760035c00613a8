//! What an operation may ask for. One walk over the parsed document, before any validation: async-graphql's own expands fragments
//! again at every spread, so that a document of 1 KB can keep it busy for minutes. Here each fragment is measured once.
//!
//! **Cost**: an object costs 1, a list its size times what one item costs, a scalar nothing, unless it is asked for under another name or may
//! be as long as a document (`list_sizes.rs`). A connection's size is its `first` or `last`; a bounded list's is declared there, too. Introspection is a class of its own: it may nest deeper, reads nothing
//! but memory and is limited by how many lists of types or fields it nests.

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Value, Variables};

use super::shape::{FieldShape, Shape};

pub const MAX_DEPTH: u32 = 12;
pub const MAX_FIELDS: u32 = 1_000;
pub const MAX_ALIASES: u32 = 30;
pub const MAX_DIRECTIVES: u32 = 20;
pub const MAX_ROOT_MUTATIONS: u32 = 5;
pub const MAX_COST: u64 = 5_000;
pub const MAX_INTROSPECTION_DEPTH: u32 = 20;
pub const MAX_INTROSPECTION_LISTS: u32 = 2;
/// Fields, spreads and inline fragments within one another; async-graphql stops at 32 with a message of its own.
const MAX_NESTING: u32 = 30;
/// A mutation writes, which is dearer than reading an object.
const MUTATION_COST: u64 = 10;
/// A connection's default page, and the largest that resolvers accept.
const DEFAULT_PAGE: u64 = 20;
const MAX_PAGE: u64 = 100;
/// The fields of introspection whose lists multiply.
const INTROSPECTION_LISTS: [&str; 5] = ["types", "fields", "inputFields", "interfaces", "possibleTypes"];

/// Why an operation is not run: a sentence that names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Text that no parser is given.
    Text(String),
    /// Valid, but more than is allowed.
    TooMuch(String),
    /// No valid GraphQL, found on the way.
    Invalid(String, Vec<Pos>),
}

/// What the pipeline wants to know of an operation that may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    pub cost: u64,
    pub introspects: bool,
    /// False if it asks for nothing but `__typename` and introspection: then it does not matter who asks.
    pub reads: bool,
    /// A mutation that hands out tokens, to browsers as a cookie.
    pub signs_in: bool,
}

/// Measures `chosen`, and checks the rest of the document too: validation reads all of it.
pub fn measure(
    shape: &Shape,
    document: &ExecutableDocument,
    chosen: &OperationDefinition,
    variables: &Variables,
) -> Result<Measure, Refusal> {
    let mut walk = Walk::new(shape, document, chosen, variables);
    let size = walk.operation(chosen)?;
    if size.cost > MAX_COST {
        return too_much(format!("this operation costs {} points; at most {MAX_COST} are allowed", size.cost));
    }
    // What is not run may use variables of other types.
    walk.checks_integers = false;
    for name in document.fragments.keys() {
        walk.fragment(name, Pos::default(), 0)?;
    }
    if let DocumentOperations::Multiple(operations) = &document.operations {
        for operation in operations.values().filter(|operation| !std::ptr::eq(&operation.node, chosen)) {
            let mut walk = Walk::new(shape, document, &operation.node, variables);
            walk.checks_integers = false;
            walk.operation(&operation.node)?;
        }
    }
    Ok(Measure { cost: size.cost, introspects: size.introspection_depth > 0, reads: size.reads, signs_in: size.signs_in })
}

fn too_much<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal::TooMuch(sentence))
}

/// Of a selection set, with all that its fragments bring.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: u32,
    nesting: u32,
    fields: u32,
    /// Fields of this set itself, not of what they select.
    width: u32,
    aliases: u32,
    directives: u32,
    /// Spreads and inline fragments.
    fragments: u32,
    introspection_depth: u32,
    introspection_lists: u32,
    reads: bool,
    signs_in: bool,
    cost: u64,
}

impl Size {
    /// Beside one another.
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.fields = self.fields.saturating_add(other.fields);
        self.width = self.width.saturating_add(other.width);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.fragments = self.fragments.saturating_add(other.fragments);
        self.introspection_depth = self.introspection_depth.max(other.introspection_depth);
        self.introspection_lists = self.introspection_lists.max(other.introspection_lists);
        self.reads |= other.reads;
        self.signs_in |= other.signs_in;
        self.cost = self.cost.saturating_add(other.cost);
    }

    fn check(&self) -> Result<(), Refusal> {
        let limits = [
            (self.depth, MAX_DEPTH, "levels of fields"),
            (self.nesting, MAX_NESTING, "levels of fields and fragments"),
            (self.fields, MAX_FIELDS, "fields"),
            (self.fragments, MAX_FIELDS, "fragments"),
            (self.aliases, MAX_ALIASES, "aliases"),
            (self.directives, MAX_DIRECTIVES, "directives"),
            (self.introspection_depth, MAX_INTROSPECTION_DEPTH, "levels of introspection"),
            (self.introspection_lists, MAX_INTROSPECTION_LISTS, "nested lists of types or fields in its introspection"),
        ];
        match limits.into_iter().find(|(value, limit, _)| value > limit) {
            None => Ok(()),
            Some((_, limit, what)) => too_much(format!("this operation has more than {limit} {what}")),
        }
    }
}

enum Fragment {
    /// Being measured: meeting it again means that it spreads itself.
    Open,
    Measured(Size),
}

struct Walk<'a> {
    shape: &'a Shape,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    measured: HashMap<&'a str, Fragment>,
    checks_integers: bool,
}

impl<'a> Walk<'a> {
    fn new(shape: &'a Shape, document: &'a ExecutableDocument, operation: &'a OperationDefinition, variables: &'a Variables) -> Self {
        Self { shape, fragments: &document.fragments, operation, variables, measured: HashMap::new(), checks_integers: true }
    }

    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Size, Refusal> {
        let root = self.shape.root(operation.ty);
        let mut size = self.selections(&operation.selection_set.node, root, 0)?;
        size.directives = size.directives.saturating_add(count(operation.directives.len()));
        size.check()?;
        if operation.ty == OperationType::Mutation {
            if size.width > MAX_ROOT_MUTATIONS {
                return too_much(format!("this operation has {} mutations; at most {MAX_ROOT_MUTATIONS} are allowed", size.width));
            }
            size.cost = size.cost.saturating_add(u64::from(size.width) * MUTATION_COST);
        }
        // Stricter than the specification: async-graphql makes a stream of each field, and none of those in fragments.
        if operation.ty == OperationType::Subscription
            && !matches!(&operation.selection_set.node.items[..], [only] if matches!(only.node, Selection::Field(_)))
        {
            let sentence = "a subscription must have exactly one field at its root, and no fragment there";
            return Err(Refusal::Invalid(sentence.to_owned(), vec![operation.selection_set.pos]));
        }
        Ok(size)
    }

    fn selections(&mut self, set: &'a SelectionSet, parent: &str, level: u32) -> Result<Size, Refusal> {
        if level > MAX_NESTING {
            return too_much(format!("this operation has more than {MAX_NESTING} levels of fields and fragments"));
        }
        let mut sum = Size::default();
        for selection in &set.items {
            let mut size = match &selection.node {
                Selection::Field(field) => self.field(&field.node, parent, level)?,
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name;
                    inside_fragment(self.fragment(&name.node, name.pos, level)?)
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(parent, |condition| condition.node.on.node.as_str());
                    inside_fragment(self.selections(&inline.node.selection_set.node, on, level + 1)?)
                }
            };
            size.directives = size.directives.saturating_add(count(selection.node.directives().len()));
            sum.add(size);
        }
        // Here, not only at the end: what is too much in a part is too much in the whole.
        sum.check()?;
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a str, pos: Pos, level: u32) -> Result<Size, Refusal> {
        match self.measured.get(name) {
            Some(Fragment::Measured(size)) => return Ok(*size),
            Some(Fragment::Open) => return Err(Refusal::Invalid(format!("the fragment `{name}` spreads itself"), vec![pos])),
            None => {}
        }
        // An unknown fragment is for validation to report.
        let Some(fragment) = self.fragments.get(name) else { return Ok(Size::default()) };
        self.measured.insert(name, Fragment::Open);
        let on = fragment.node.type_condition.node.on.node.as_str();
        let mut size = self.selections(&fragment.node.selection_set.node, on, level + 1)?;
        size.directives = size.directives.saturating_add(count(fragment.node.directives.len()));
        self.measured.insert(name, Fragment::Measured(size));
        Ok(size)
    }

    fn field(&mut self, field: &'a Field, parent: &str, level: u32) -> Result<Size, Refusal> {
        let name = field.name.node.as_str();
        let introspection = parent.starts_with("__") || name == "__schema" || name == "__type";
        let shape = self.shape;
        let known = if introspection { None } else { shape.field(parent, name) };
        let child_type = if introspection { "__" } else { known.map_or("", |known| known.ty.as_str()) };
        let child = self.selections(&field.selection_set.node, child_type, level + 1)?;
        let mut size = Size {
            nesting: child.nesting.saturating_add(1),
            fields: child.fields.saturating_add(1),
            width: 1,
            aliases: child.aliases.saturating_add(u32::from(field.alias.is_some())),
            ..child
        };
        if introspection {
            size.introspection_depth = child.introspection_depth.saturating_add(1);
            size.introspection_lists += u32::from(INTROSPECTION_LISTS.contains(&name));
            return Ok(size);
        }
        if let Some(known) = known {
            if self.checks_integers {
                self.check_integers(known, field)?;
            }
            size.signs_in |= known.ty == "AuthPayload";
        }
        size.depth = child.depth.saturating_add(1);
        size.reads |= name != "__typename";
        size.cost = match known {
            None => child.cost,
            Some(known) if !field.selection_set.node.items.is_empty() => self.cost(known, field, child.cost),
            // Asked for again under another name, a scalar makes the answer longer and nothing else dearer.
            Some(known) => known.weight.max(u64::from(field.alias.is_some())),
        };
        Ok(size)
    }

    fn cost(&self, known: &FieldShape, field: &Field, child: u64) -> u64 {
        if known.free {
            return child;
        }
        if known.connection {
            return child.saturating_mul(self.page(known, field)).saturating_add(1);
        }
        let one = child.saturating_add(1);
        if !known.list {
            return one;
        }
        // A list that is asked for by ids is as long as the list of ids.
        let size = match self.argument(field, "ids") {
            Some(Value::List(ids)) => ids.len() as u64,
            _ => known.size,
        };
        one.saturating_mul(size)
    }

    /// How many items a connection is asked for.
    fn page(&self, known: &FieldShape, field: &Field) -> u64 {
        // In the order in which `PageArgs` looks at them.
        let asked = ["last", "first"].into_iter().find_map(|name| match self.argument(field, name) {
            Some(Value::Number(number)) => Some(number.as_u64().unwrap_or(0)),
            _ => None,
        });
        asked.or(known.default_page).unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)
    }

    /// An `Int` has 32 bits. async-graphql finds out when the field is resolved: after a mutation was done, or never.
    fn check_integers(&self, known: &FieldShape, field: &Field) -> Result<(), Refusal> {
        for name in &known.integers {
            if let Some(Value::Number(number)) = self.argument(field, name)
                && number.as_i64().is_none_or(|number| i32::try_from(number).is_err())
            {
                let position = field.get_argument(name).map(|argument| argument.pos);
                return Err(Refusal::Invalid(format!("`{name}` must be an integer of 32 bits, not {number}"), Vec::from_iter(position)));
            }
        }
        Ok(())
    }

    /// An argument's value, with variables replaced.
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let value = field.get_argument(name)?.node.clone();
        value.into_const_with(|variable| self.variable(&variable).cloned().ok_or(())).ok()
    }

    fn variable(&self, name: &Name) -> Option<&Value> {
        self.variables.get(name).or_else(|| {
            let definition = self.operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value()
        })
    }
}

fn inside_fragment(size: Size) -> Size {
    Size { nesting: size.nesting.saturating_add(1), fragments: size.fragments.saturating_add(1), ..size }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
