//! Who asks. A token that is not valid, or no longer, makes the request anonymous rather than refused, so that signing in and
//! refreshing work whatever header a client still sends; the answer then carries `WWW-Authenticate`, which tells it why.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, USER_AGENT};
use ipnet::IpNet;

use super::answer::Refused;
use super::origin;
use crate::app::App;
use crate::identity::actor::{Actor, Requester};
use crate::identity::{cookie, requesters};

const MAX_USER_AGENT: usize = 300;

/// What the headers say, before any of it is believed.
#[derive(Clone, Debug)]
pub struct Claim {
    pub token: Option<String>,
    /// Without an actor.
    pub requester: Requester,
}

impl Claim {
    /// Cookies count only where a foreign page cannot send the request: not in GET.
    pub fn read(headers: &HeaderMap, address: Option<IpAddr>, cookies: bool) -> Self {
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let requester = Requester {
            actor: None,
            address,
            user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect()),
            browser: origin::is_browser(headers),
            refresh_cookie: if cookies { cookie_named(headers, cookie::NAME) } else { None },
        };
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        Self { token: token.map(str::to_owned), requester }
    }

    /// Believes the token, if it is valid. `fresh`: by the database, not by what is cached.
    pub async fn resolve(&self, app: &App, fresh: bool, request_id: &str) -> Result<Option<Actor>, Refused> {
        match &self.token {
            None => Ok(None),
            Some(token) => requesters::resolve(app, token, fresh).await.map_err(|cause| Refused::internal(&cause, request_id)),
        }
    }
}

/// The token of `Bearer …`.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

pub fn cookie_named(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The client's address: the peer's, or, behind trusted proxies, the rightmost of `X-Forwarded-For` that is none of them. What stands
/// further left was written by the client and proves nothing.
pub fn client_address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut address = peer?.ip().to_canonical();
    let hops: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(address, trusted) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(next) => address = next.to_canonical(),
            Err(_) => break,
        }
    }
    Some(address)
}

pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}
