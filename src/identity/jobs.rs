//! What the queue does for people and their sign-ins.

use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;

use super::refresh_token::LIFETIME;
use crate::app::App;
use crate::error::Error;

/// Rows of one statement: it locks no more than this, and not for long.
const BATCH: usize = 1000;

/// Deletes tokens that have expired, and sign-ins that nobody could continue for as long again as a token lives: until then a list of
/// devices or a look at what happened may still want them.
pub async fn forget_sign_ins(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let tokens = "DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY (SELECT hash FROM refresh_tokens WHERE expires_at < $1 \
                  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let sign_ins = "DELETE FROM sign_ins WHERE id = ANY (ARRAY (SELECT id FROM sign_ins WHERE last_used_at < $1 \
                    ORDER BY last_used_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    for (delete, before) in [(tokens, now), (sign_ins, now - LIFETIME * 2)] {
        while BATCH
            == diesel::sql_query(delete)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(BATCH as i64)
                .execute(&mut *app.db.conn().await?)
                .await?
        {}
    }
    Ok(())
}
