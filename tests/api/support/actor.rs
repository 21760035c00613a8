//! People who send requests through the real router, and what they get back.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::app::{pretty, read_body};

/// Somebody with an address, and perhaps a token. Cloning gives the same person once more.
#[derive(Clone)]
pub struct Actor {
    router: Router,
    pub address: IpAddr,
    pub token: Option<String>,
    headers: HeaderMap,
}

impl Actor {
    pub fn new(router: Router, address: IpAddr) -> Self {
        Self { router, address, token: None, headers: HeaderMap::new() }
    }

    /// The same person with this access token.
    pub fn signed_in(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn at_address(&self, address: &str) -> Self {
        Self { address: address.parse().unwrap(), ..self.clone() }
    }

    /// The same person through another process.
    pub fn through(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// With one more header on each request.
    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        Self { headers, ..self.clone() }
    }

    /// In a page of the single-page app, with this cookie if it is not empty.
    pub fn in_browser(&self, cookie: &str) -> Self {
        let actor = self.header(ORIGIN.as_str(), super::app::ORIGIN);
        if cookie.is_empty() { actor } else { actor.header(COOKIE.as_str(), cookie) }
    }

    /// One operation.
    pub async fn gql(&self, query: &str, variables: Value) -> Answer {
        self.post(json!({ "query": query, "variables": variables })).await
    }

    /// One operation that must not answer with a top-level error.
    pub async fn ok(&self, query: &str, variables: Value) -> Answer {
        let answer = self.gql(query, variables).await;
        assert_eq!(answer.codes(), Vec::<String>::new(), "{}", pretty(&answer.json()));
        answer
    }

    /// The first event of a subscription, over server-sent events; a refusal is the answer itself.
    pub async fn first_event(&self, query: &str) -> Answer {
        let mut request = Request::post("/graphql").header(CONTENT_TYPE, "application/json").header(ACCEPT, "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(Body::from(json!({ "query": query }).to_string())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address, 4000)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let mut stream = response.into_body().into_data_stream();
        let mut text = String::new();
        while let Some(Ok(piece)) = stream.next().await {
            text += &String::from_utf8_lossy(&piece);
            if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ").filter(|data| data.ends_with('}'))) {
                return Answer { status, headers, body: data.as_bytes().to_vec() };
            }
        }
        Answer { status, headers, body: text.into_bytes() }
    }

    /// The events of a subscription, one after the other, over server-sent events.
    pub async fn events(&self, query: &str) -> Events {
        let mut request = Request::post("/graphql").header(CONTENT_TYPE, "application/json").header(ACCEPT, "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(Body::from(json!({ "query": query }).to_string())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address, 4000)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        Events { stream: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Any JSON to /graphql.
    pub async fn post(&self, body: Value) -> Answer {
        let request = Request::post("/graphql").header(CONTENT_TYPE, "application/json");
        self.send(request.header(ACCEPT, "application/graphql-response+json").body(Body::from(body.to_string())).unwrap()).await
    }

    /// Any request, with the actor's address, token and headers; those of the request itself win.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let own = request.headers().clone();
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(own);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address, 4000)));
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

/// A subscription that goes on.
pub struct Events {
    stream: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    /// Waits for the next one.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                self.text = rest.to_owned();
                match serde_json::from_str(&data) {
                    Ok(event) => return event,
                    Err(_) => continue,
                }
            }
            let piece = self.stream.next().await.expect("the subscription goes on").unwrap();
            self.text += &String::from_utf8_lossy(&piece);
        }
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: read_body(response).await }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} with no JSON: {}", self.status, self.text()))
    }

    /// What stands at a path within `data`, such as `createTree.tree.id` or `trees.nodes.0.title`; null if nothing does.
    pub fn data(&self, path: &str) -> Value {
        let pointer: String = path.split('.').filter(|step| !step.is_empty()).map(|step| format!("/{step}")).collect();
        self.json()["data"].pointer(&pointer).cloned().unwrap_or_default()
    }

    pub fn str(&self, path: &str) -> String {
        self.data(path).as_str().unwrap_or_else(|| panic!("no string at {path} in {}", pretty(&self.json()))).to_owned()
    }

    /// The codes of the top-level errors.
    pub fn codes(&self) -> Vec<String> {
        strings(&self.json()["errors"], |error| &error["extensions"]["code"])
    }

    /// The codes of a mutation's `userErrors`, which must be selected with `code`.
    pub fn refusals(&self, mutation: &str) -> Vec<String> {
        strings(&self.data(&format!("{mutation}.userErrors")), |error| &error["code"])
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The first `name=value` that it sets as a cookie.
    pub fn cookie(&self) -> String {
        let value = self.headers.get(SET_COOKIE).map_or("", |value| value.to_str().unwrap());
        value.split(';').next().unwrap_or_default().to_owned()
    }
}

fn strings(list: &Value, of: impl Fn(&Value) -> &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|item| of(item).as_str().unwrap_or("no code").to_owned()).collect()
}
