//! The API as text: what is checked in, and that it explains itself.

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition};
use fixpath::graphql;

#[test]
fn the_schema_in_the_repository_is_the_one_that_the_server_has() {
    let file = include_str!("../../schema.graphql");
    assert!(file == graphql::sdl(), "run `make schema`");
}

#[test]
fn every_type_and_field_says_what_it_is() {
    let mut silent = Vec::new();
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let name = ty.node.name.node.as_str();
        if ty.node.description.is_none() {
            silent.push(name.to_owned());
        }
        let fields = match &ty.node.kind {
            TypeKind::Object(object) => of_output(object.fields.iter().map(|field| &field.node)),
            TypeKind::Interface(interface) => of_output(interface.fields.iter().map(|field| &field.node)),
            TypeKind::InputObject(object) => of_input(object.fields.iter().map(|field| &field.node)),
            TypeKind::Scalar | TypeKind::Union(_) | TypeKind::Enum(_) => continue,
        };
        silent.extend(fields.into_iter().map(|field| format!("{name}.{field}")));
    }
    assert_eq!(silent, Vec::<String>::new(), "these have no description");
}

fn of_output<'a>(fields: impl Iterator<Item = &'a FieldDefinition>) -> Vec<String> {
    fields.filter(|field| field.description.is_none()).map(|field| field.name.node.to_string()).collect()
}

fn of_input<'a>(fields: impl Iterator<Item = &'a InputValueDefinition>) -> Vec<String> {
    fields.filter(|field| field.description.is_none()).map(|field| field.name.node.to_string()).collect()
}

#[test]
fn the_readme_explains_every_code() {
    let readme = include_str!("../../README.md");
    let errors = readme.split("## Errors").nth(1).unwrap().split("\n## ").next().unwrap();
    let definitions = parse_schema(graphql::sdl()).unwrap().definitions;
    let codes = definitions.iter().find_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) if ty.node.name.node == "UserErrorCode" => match &ty.node.kind {
            TypeKind::Enum(codes) => Some(codes.values.iter().map(|value| value.node.value.node.to_string())),
            _ => None,
        },
        _ => None,
    });
    let silent: Vec<_> = codes.unwrap().filter(|code| !errors.contains(&format!("`{code}`"))).collect();
    assert_eq!(silent, Vec::<String>::new());
}
