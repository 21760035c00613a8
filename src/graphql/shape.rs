//! What the guard knows of the schema: which type a field leads to, and how long its lists are. Read once from the SDL.

use std::collections::HashMap;

use async_graphql::Value;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, OperationType, Type, TypeKind, TypeSystemDefinition};

use super::list_sizes;
use crate::error::Error;

#[derive(Debug)]
pub struct Shape {
    types: HashMap<String, HashMap<String, FieldShape>>,
    /// Lists of objects that `list_sizes.rs` does not declare: a test wants none.
    pub undeclared: Vec<String>,
}

#[derive(Debug)]
pub struct FieldShape {
    /// The type it leads to, without list and non-null.
    pub ty: String,
    pub list: bool,
    /// Whether the field may be null; then whether its items may; and so on.
    pub nullable: Vec<bool>,
    /// A Relay connection: its page's size counts for all it holds.
    pub connection: bool,
    /// Nothing is read for it (`pageInfo`).
    pub free: bool,
    pub size: u64,
    /// What it costs if it is a scalar.
    pub weight: u64,
    pub default_page: Option<u64>,
    /// Its arguments of type `Int`.
    pub integers: Vec<String>,
}

impl Shape {
    pub fn of(sdl: &str) -> Result<Self, Error> {
        let document = parse_schema(sdl)?;
        let mut shape = Self { types: HashMap::new(), undeclared: Vec::new() };
        let mut composite = Vec::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Union(_) => Vec::new(),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => continue,
            };
            let fields = fields.into_iter().map(|field| (field.node.name.node.to_string(), field_shape(&name, &field.node))).collect();
            shape.types.insert(name.clone(), fields);
            composite.push(name);
        }
        for (name, fields) in &shape.types {
            for (field, known) in fields {
                if known.list && composite.contains(&known.ty) && list_sizes::of(name, field).is_none() && !is_connection(name) {
                    shape.undeclared.push(format!("{name}.{field}"));
                }
            }
        }
        Ok(shape)
    }

    pub fn root(&self, operation: OperationType) -> &'static str {
        match operation {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        }
    }

    pub fn field(&self, ty: &str, name: &str) -> Option<&FieldShape> {
        self.types.get(ty)?.get(name)
    }
}

fn field_shape(parent: &str, field: &FieldDefinition) -> FieldShape {
    let (ty, list) = named(&field.ty.node);
    let default_page = field.arguments.iter().find(|argument| argument.node.name.node == "first").and_then(|argument| {
        match argument.node.default_value.as_ref()?.node {
            Value::Number(ref number) => number.as_u64(),
            _ => None,
        }
    });
    let integers = field.arguments.iter().filter(|argument| named(&argument.node.ty.node).0 == "Int");
    FieldShape {
        integers: integers.map(|argument| argument.node.name.node.to_string()).collect(),
        list,
        nullable: nullable(&field.ty.node),
        connection: is_connection(&ty),
        free: ty == "PageInfo",
        // The lists of a connection are counted where the connection is asked for.
        size: if is_connection(parent) { 1 } else { list_sizes::of(parent, &field.name.node).unwrap_or(list_sizes::UNDECLARED) },
        default_page,
        weight: list_sizes::weight(parent, &field.name.node),
        ty,
    }
}

fn is_connection(ty: &str) -> bool {
    ty.ends_with("Connection")
}

fn named(ty: &Type) -> (String, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (named(inner).0, true),
    }
}

fn nullable(ty: &Type) -> Vec<bool> {
    let mut levels = vec![ty.nullable];
    if let BaseType::List(inner) = &ty.base {
        levels.extend(nullable(inner));
    }
    levels
}
