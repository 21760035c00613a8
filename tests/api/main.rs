mod support;
mod tree_templates;
