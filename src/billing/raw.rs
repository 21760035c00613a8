//! Stripe's words as a column, as they came.

use std::ops::Deref;
use std::sync::Arc;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Json;
use serde_json::Value;

/// Shared: a row is copied more than once on its way through a transaction, and these are by far the longest part of it.
#[derive(Clone, Debug, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Json)]
pub struct Raw(Arc<Value>);

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Deref for Raw {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl FromSql<Json, Pg> for Raw {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Value as FromSql<Json, Pg>>::from_sql(value).map(Self::from)
    }
}

impl ToSql<Json, Pg> for Raw {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Value as ToSql<Json, Pg>>::to_sql(&self.0, out)
    }
}
