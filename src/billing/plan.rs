//! The plans and what each allows. Constants until plans can be bought.

/// A number that a plan limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum LimitKey {
    /// People who belong to the account, and open invitations.
    Seats,
    /// Trees, archived ones included.
    Trees,
    /// Sessions started in a calendar month (UTC).
    SessionsPerMonth,
}

/// How much of a limit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub key: LimitKey,
    /// None: unlimited.
    pub max: Option<i32>,
    pub used: i32,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub key: &'static str,
    pub seats: Option<i32>,
    pub trees: Option<i32>,
    pub sessions_per_month: Option<i32>,
}

/// What every account has from its sign-up on.
pub const FREE: Plan = Plan { key: "free", seats: Some(2), trees: Some(5), sessions_per_month: Some(50) };
/// What the demo account has.
pub const ENTERPRISE: Plan = Plan { key: "enterprise", seats: None, trees: None, sessions_per_month: None };

const PLANS: [&Plan; 2] = [&FREE, &ENTERPRISE];

impl Plan {
    /// An unknown key gives the least: nobody gains by a wrong row.
    pub fn find(key: &str) -> &'static Self {
        PLANS.into_iter().find(|plan| plan.key == key).unwrap_or(&FREE)
    }

    pub fn max(&self, key: LimitKey) -> Option<i32> {
        match key {
            LimitKey::Seats => self.seats,
            LimitKey::Trees => self.trees,
            LimitKey::SessionsPerMonth => self.sessions_per_month,
        }
    }
}
