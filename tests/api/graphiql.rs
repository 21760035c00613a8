//! The page at `/graphiql` and its files.

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

async fn get(path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let app: Router = fixpath::http::graphiql::routes();
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, *value));
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn the_page_names_only_files_that_are_there() {
    let (status, headers, page) = get("/graphiql", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let page = String::from_utf8(page).unwrap();
    let named: Vec<_> = page.split('"').filter(|text| text.starts_with("/graphiql/")).collect();
    assert_eq!(named.len(), 8, "{named:?}");
    for path in named {
        assert_eq!(get(path, &[]).await.0, StatusCode::OK, "{path}");
    }
    assert!(!page.contains("//"), "the page names another host");
    assert_eq!(get("/graphiql/nothing.js", &[]).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_client_without_brotli_gets_the_published_files() {
    for line in include_str!("../../third_party/graphiql/SHA256SUMS").lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let (_, headers, body) = get(&format!("/graphiql/{name}"), &[(ACCEPT_ENCODING, "gzip, br;q=0")]).await;
        assert!(!headers.contains_key(CONTENT_ENCODING), "{name}");
        assert_eq!(hex::encode(Sha256::digest(body)), sum, "{name}");
    }
}

#[tokio::test]
async fn a_browser_gets_brotli_once() {
    let (status, headers, _) = get("/graphiql/react.js", &[(ACCEPT_ENCODING, "gzip, deflate, br")]).await;
    assert_eq!((status, &headers[CONTENT_ENCODING]), (StatusCode::OK, &"br".parse().unwrap()));

    let known = headers[ETAG].to_str().unwrap();
    let (status, _, body) = get("/graphiql/react.js", &[(IF_NONE_MATCH, known)]).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
}
