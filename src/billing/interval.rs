//! How often something is paid.

#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "BillingInterval")]
pub enum Interval {
    /// Monthly.
    Month,
    /// Yearly.
    Year,
}

impl Interval {
    /// The database's word, and Stripe's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        [Self::Month, Self::Year].into_iter().find(|interval| interval.as_str() == word)
    }
}
