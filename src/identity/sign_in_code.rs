//! The `sign_in_codes` table: six digits that sign somebody in once. A code is mailed to a verified address and stored as its Argon2
//! hash. It lasts ten minutes and five tries, and only the latest counts.
//!
//! Six digits can be guessed by whoever has enough tries, so an address gets a limited number of codes a day (`mail_count.rs`), too.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::user::Secret;
use crate::db::Conn;
use crate::db::schema::sign_in_codes;
use crate::id::UserId;

pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);
pub const TRIES: i16 = 5;

/// A new code.
pub fn new() -> SecretString {
    SecretString::from(format!("{:06}", rand::random_range(0..1_000_000)))
}

/// Whether a text can be a code. Spaces, as people type or paste them, do not matter.
pub fn read(text: &str) -> Option<SecretString> {
    let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).take(7).collect();
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| SecretString::from(digits))
}

/// Stores a code's hash in place of an earlier one.
pub async fn store(conn: &mut Conn, to: &Secret, hash: &str, at: DateTime<Utc>) -> QueryResult<()> {
    let code = (
        sign_in_codes::email.eq(&to.email),
        sign_in_codes::hash.eq(hash),
        sign_in_codes::tries.eq(0),
        sign_in_codes::expires_at.eq(at + LIFETIME),
    );
    diesel::insert_into(sign_in_codes::table)
        .values((sign_in_codes::user_id.eq(to.id), code))
        .on_conflict(sign_in_codes::user_id)
        .do_update()
        .set(code)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts a try before it is made. The hash to compare with; None where no code counts. For nobody it is the same statement.
pub async fn count_try(conn: &mut Conn, user: Option<UserId>, at: DateTime<Utc>) -> QueryResult<Option<String>> {
    let live = sign_in_codes::table
        .filter(sign_in_codes::user_id.nullable().eq(user))
        .filter(sign_in_codes::tries.lt(TRIES))
        .filter(sign_in_codes::expires_at.gt(at));
    let counted = diesel::update(live).set(sign_in_codes::tries.eq(sign_in_codes::tries + 1)).returning(sign_in_codes::hash);
    counted.get_result(conn).await.optional()
}

/// Uses the code with this hash, if it was sent to the address that the person has. Of two at once, one gets true.
pub async fn take(conn: &mut Conn, person: &Secret, hash: &str) -> QueryResult<bool> {
    let code = sign_in_codes::table.find(person.id).filter(sign_in_codes::hash.eq(hash)).filter(sign_in_codes::email.eq(&person.email));
    Ok(diesel::delete(code).execute(conn).await? == 1)
}

/// Ends the code that a person was sent.
pub async fn end(conn: &mut Conn, user: UserId) -> QueryResult<()> {
    diesel::delete(sign_in_codes::table.find(user)).execute(conn).await?;
    Ok(())
}
