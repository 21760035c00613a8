#[derive(Clone, Debug, PartialEq)]
pub struct Issue {}
