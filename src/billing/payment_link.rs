//! The `payment_links` table: which payment intent paid which invoice, by which charge, for which customer. Today an invoice knows no
//! charge, a charge no invoice, and a refund neither invoice nor customer; each event tells one part, in any order.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use super::payment::Payment;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::{payment_links, payments};

/// What an object says about where it belongs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub invoice: Option<String>,
    pub customer: Option<String>,
}

impl Link {
    /// The intent, or the charge of old that had none.
    pub fn key(&self) -> Option<&str> {
        self.payment_intent.as_deref().or(self.charge.as_deref())
    }

    /// Adds what is new to what is known.
    pub async fn store(&self, conn: &mut Conn) -> QueryResult<()> {
        let Some(key) = self.key() else { return Ok(()) };
        let query = diesel::sql_query(
            "INSERT INTO payment_links AS known (payment_intent_id, charge_id, provider_invoice_id, provider_customer_id) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (payment_intent_id) DO UPDATE SET \
                 charge_id = coalesce(known.charge_id, excluded.charge_id), \
                 provider_invoice_id = coalesce(known.provider_invoice_id, excluded.provider_invoice_id), \
                 provider_customer_id = coalesce(known.provider_customer_id, excluded.provider_customer_id)",
        )
        .bind::<Text, _>(key)
        .bind::<Nullable<Text>, _>(self.charge.as_deref())
        .bind::<Nullable<Text>, _>(self.invoice.as_deref())
        .bind::<Nullable<Text>, _>(self.customer.as_deref());
        Cached(query).execute(conn).await.map(|_| ())
    }

    /// The payment that it belongs to, if that is known by now.
    pub async fn payment(&self, conn: &mut Conn) -> QueryResult<Option<Payment>> {
        let (intent, charge, invoice) = (self.payment_intent.as_deref(), self.charge.as_deref(), self.invoice.as_deref());
        let known = payment_links::payment_intent_id
            .nullable()
            .eq(intent)
            .or(payment_links::payment_intent_id.nullable().eq(charge))
            .or(payment_links::charge_id.eq(charge))
            .or(payment_links::provider_invoice_id.eq(invoice));
        let links: Vec<(String, Option<String>)> = payment_links::table
            .filter(known.assume_not_null())
            .select((payment_links::payment_intent_id, payment_links::provider_invoice_id))
            .load(conn)
            .await?;
        let intents: Vec<&str> = links.iter().map(|(intent, _)| intent.as_str()).chain(intent).collect();
        let invoices: Vec<&str> = links.iter().filter_map(|(_, invoice)| invoice.as_deref()).chain(invoice).collect();
        payments::table
            .filter(payments::payment_intent_id.eq_any(intents).or(payments::provider_invoice_id.eq_any(invoices)).assume_not_null())
            .select(Payment::as_select())
            .for_no_key_update()
            .first(conn)
            .await
            .optional()
    }

    /// Whose money it is, for objects that do not say so. Parts of their own: an index serves each, and none would serve them all in one
    /// condition.
    pub async fn customer(&self, conn: &mut Conn) -> QueryResult<Option<String>> {
        let query = diesel::sql_query(
            "SELECT provider_customer_id AS customer FROM payment_links \
             WHERE provider_customer_id IS NOT NULL AND (payment_intent_id IN ($1, $2) OR charge_id = $2 OR provider_invoice_id = $3) \
             UNION ALL \
             SELECT provider_customer_id FROM payments \
             WHERE provider_customer_id IS NOT NULL AND (payment_intent_id = $1 OR provider_invoice_id = $3) \
             UNION ALL \
             SELECT payments.provider_customer_id FROM payment_links JOIN payments USING (provider_invoice_id) \
             WHERE payments.provider_customer_id IS NOT NULL \
                 AND (payment_links.payment_intent_id IN ($1, $2) OR payment_links.charge_id = $2) \
             LIMIT 1",
        )
        .bind::<Nullable<Text>, _>(self.payment_intent.as_deref())
        .bind::<Nullable<Text>, _>(self.charge.as_deref())
        .bind::<Nullable<Text>, _>(self.invoice.as_deref());
        let row: Option<CustomerRow> = Cached(query).get_result(conn).await.optional()?;
        Ok(row.map(|row| row.customer))
    }
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    customer: String,
}
