//! The `mail_counts` table: how many mails were sent in a day that a stranger can have sent, by typing somebody's address. So nobody
//! fills a mailbox from here, and nobody gets codes to guess at without end.
//!
//! Counted is what is about to be sent; what then could not be sent is given back. A day begins with the first mail after the one before is over.
//! Beyond the day's number there is one more for each hour that has passed: who uses up somebody's mails on purpose does not keep them from
//! a link or a code for long.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{SmallInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};

use crate::db::Conn;
use crate::id::{AccountId, Id};

/// Mails of one kind to one address. Of codes, with five tries each, that makes some two hundred guesses at a million: one chance in five
/// thousand for a whole day of guessing.
pub const TO_ADDRESS: i16 = 20;
/// Invitations from one account: as many as may be open at once.
pub const INVITATIONS: i16 = 200;
const DAY: TimeDelta = TimeDelta::days(1);
/// Bytes of the digest: enough for no two addresses to share one.
const DIGEST: usize = 16;

/// Counts one more mail to an address. False: it has had enough of this kind for now.
pub async fn take(conn: &mut Conn, mail: &str, address: &str, at: DateTime<Utc>) -> QueryResult<bool> {
    count(conn, &whose(mail, address), TO_ADDRESS, at).await
}

/// Takes back that a mail was counted.
pub async fn give_back(conn: &mut Conn, mail: &str, address: &str) -> QueryResult<()> {
    let query = diesel::sql_query("UPDATE mail_counts SET sent = sent - 1 WHERE whose = $1 AND sent > 0");
    query.bind::<Text, _>(whose(mail, address)).execute(conn).await?;
    Ok(())
}

fn whose(mail: &str, address: &str) -> String {
    let digest = Sha256::digest(address.to_lowercase());
    format!("{mail}:{}", hex::encode(digest.get(..DIGEST).unwrap_or_default()))
}

/// Counts one more invitation. False: the account has sent enough for now.
pub async fn take_invitation(conn: &mut Conn, account: AccountId, at: DateTime<Utc>) -> QueryResult<bool> {
    count(conn, &format!("invitations:{}", account.encode()), INVITATIONS, at).await
}

async fn count(conn: &mut Conn, whose: &str, most: i16, at: DateTime<Utc>) -> QueryResult<bool> {
    let query = diesel::sql_query(
        "INSERT INTO mail_counts AS known (whose, sent, since) VALUES ($1, 1, $2)
         ON CONFLICT (whose) DO UPDATE SET
             sent = CASE WHEN known.since <= $3 THEN 1 ELSE known.sent + 1 END,
             since = CASE WHEN known.since <= $3 THEN excluded.since ELSE known.since END
         WHERE known.sent < $4 + floor(extract(epoch FROM excluded.since - known.since) / 3600) OR known.since <= $3",
    );
    let counted = query
        .bind::<Text, _>(whose)
        .bind::<Timestamptz, _>(at)
        .bind::<Timestamptz, _>(at - DAY)
        .bind::<SmallInt, _>(most)
        .execute(conn)
        .await?;
    Ok(counted == 1)
}
