//! Ids: UUIDv7 in the database, a newtype in Rust, a typed prefix on the wire (`tree_01jd…`, in TypeID's alphabet).
//! An id of the wrong type is refused when it is decoded.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::Error;
use crate::text::shortened;

pub trait Id: Copy + From<Uuid> + Into<Uuid> {
    const PREFIX: &'static str;

    /// Time-ordered, so that new rows land at the end of their index.
    fn new(clock: &Clock) -> Self {
        Self::at(clock.now())
    }

    fn at(time: DateTime<Utc>) -> Self {
        let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
        Self::from(uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid())
    }

    fn encode(self) -> String {
        encode(Self::PREFIX, self.into())
    }

    fn decode(text: &str) -> Result<Self, Error> {
        match decode(text) {
            Some((prefix, uuid)) if prefix == Self::PREFIX => Ok(Self::from(uuid)),
            _ => Err(Error::BadInput(format!("`{}` is no id of a {}", shortened(text), Self::PREFIX))),
        }
    }
}

/// Crockford's base 32 in lower case, 26 characters for 128 bits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(prefix: &str, uuid: Uuid) -> String {
    let value = uuid.as_u128();
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    for place in (0..26).rev() {
        let digit = (value >> (place * 5)) & 31;
        text.push(char::from(ALPHABET[digit as usize]));
    }
    text
}

/// The prefix and the UUID of a well-formed id, whatever its type.
pub fn decode(text: &str) -> Option<(&str, Uuid)> {
    let (prefix, digits) = text.rsplit_once('_')?;
    // 26 digits hold 130 bits: the first one may only use its lower three.
    if digits.len() != 26 || digits.as_bytes().first()? > &b'7' {
        return None;
    }
    let mut value = 0_u128;
    for byte in digits.bytes() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        value = (value << 5) | digit as u128;
    }
    Some((prefix, Uuid::from_u128(value)))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow, Serialize, Deserialize)]
        #[diesel(sql_type = sql_types::Uuid)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
        }
        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.encode())
            }
        }
        impl ToSql<sql_types::Uuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<sql_types::Uuid, Pg>::to_sql(&self.0, out)
            }
        }
        impl FromSql<sql_types::Uuid, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                FromSql::<sql_types::Uuid, Pg>::from_sql(value).map(Self)
            }
        }
    )*};
}

ids! {
    UserId "user"
    AccountId "account"
    SignInId "signin"
    InvitationId "invitation"
    AuditEntryId "audit"
    TreeId "tree"
    /// A published version. (A draft has its tree's UUID and the prefix `draft`.)
    VersionId "version"
    DraftId "draft"
    SessionId "session"
    PlanId "plan"
    PriceId "price"
    CustomerId "customer"
    SubscriptionId "subscription"
    CheckoutId "checkout"
    ChangeId "change"
    PaymentId "payment"
    CreditEntryId "credit"
    ListingId "listing"
    PurchaseId "purchase"
    DeliveryId "delivery"
    AlertId "alert"
    EmailChangeId "emailchange"
    PendingEmailId "pendingemail"
}
