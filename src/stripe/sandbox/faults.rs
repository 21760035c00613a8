//! Misbehaviour on purpose.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::versions::Version;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429, and nothing is done.
    RateLimited,
    /// 409, and nothing is done: somebody else works on the same.
    Busy,
    /// 403, and nothing is done: the key may not.
    Forbidden,
    /// 500, and nothing is done.
    ServerError,
    /// 500, and nothing is done: an answer that is kept under the request's key, as Stripe does.
    ServerErrorKept,
    /// 500, although it was done.
    ServerErrorAfter,
    /// No answer, and nothing is done.
    Timeout,
    /// No answer, although it was done.
    TimeoutAfter,
    /// The connection ends without an answer, and nothing is done.
    Reset,
    /// The connection ends without an answer, although it was done.
    ResetAfter,
    /// The right answer, half a second late.
    Slow,
}

/// A fault that waits for the requests it applies to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    pub fault: Fault,
    /// Empty: any.
    #[serde(default)]
    pub method: String,
    /// The beginning of the path, such as `/v1/checkout`; empty: any.
    #[serde(default)]
    pub path: String,
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// How webhooks are delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deliver {
    /// This many of the next events never arrive.
    pub lose: u32,
    /// Each event arrives this many times more.
    pub extra_copies: u32,
    /// What is waiting is delivered in any order.
    pub reorder: bool,
    /// Without waiting for the answer to the one before.
    pub at_once: bool,
    /// Nothing is delivered for now.
    pub hold: bool,
}

#[derive(Default)]
pub struct Faults {
    pub requests: VecDeque<Planned>,
    pub deliver: Deliver,
    /// The API version of the account and its webhooks; requests may name another.
    pub version: Version,
    /// Time stands still: everything happens within one second.
    pub frozen: bool,
}

impl Faults {
    pub fn plan(&mut self, planned: Planned) {
        self.requests.push_back(planned);
    }

    /// The fault of this request, if one is planned for it.
    pub fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let place = self.requests.iter().position(|planned| {
            (planned.method.is_empty() || planned.method.eq_ignore_ascii_case(method)) && path.starts_with(&planned.path)
        })?;
        let planned = self.requests.get_mut(place)?;
        let fault = planned.fault;
        planned.times = planned.times.saturating_sub(1);
        if planned.times == 0 {
            self.requests.remove(place);
        }
        Some(fault)
    }
}
