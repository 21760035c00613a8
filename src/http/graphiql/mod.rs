//! GraphiQL, the query editor in the browser, from files inside the binary: the page asks no other host for anything.
//!
//! The files of `third_party/graphiql` are kept as brotli. Browsers accept it from `localhost` and over TLS, but not from other hosts over
//! plain HTTP; those get the file unpacked.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// The page loads and connects to its own origin only. The hash admits the one style that GraphiQL writes into the page: it stops the page
/// from scrolling while a dialog is open.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = "page.html";

struct File {
    name: &'static str,
    content_type: &'static str,
    content: Content,
    etag: String,
}

enum Content {
    Plain(&'static [u8]),
    Brotli(&'static [u8]),
}

static FILES: LazyLock<[File; 9]> = LazyLock::new(|| {
    [
        plain(PAGE, "text/html; charset=utf-8", include_bytes!("page.html")),
        plain("page.css", CSS, include_bytes!("page.css")),
        plain("page.js", JAVASCRIPT, include_bytes!("page.js")),
        brotli("explorer.css", CSS, include_bytes!("../../../third_party/graphiql/dist/explorer.css.br")),
        brotli("explorer.js", JAVASCRIPT, include_bytes!("../../../third_party/graphiql/dist/explorer.js.br")),
        brotli("graphiql.css", CSS, include_bytes!("../../../third_party/graphiql/dist/graphiql.css.br")),
        brotli("graphiql.js", JAVASCRIPT, include_bytes!("../../../third_party/graphiql/dist/graphiql.js.br")),
        brotli("react-dom.js", JAVASCRIPT, include_bytes!("../../../third_party/graphiql/dist/react-dom.js.br")),
        brotli("react.js", JAVASCRIPT, include_bytes!("../../../third_party/graphiql/dist/react.js.br")),
    ]
});

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

fn plain(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> File {
    File { name, content_type, content: Content::Plain(bytes), etag: etag(bytes) }
}

fn brotli(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> File {
    File { name, content_type, content: Content::Brotli(bytes), etag: etag(bytes) }
}

/// Weak, because it stands for the packed and the unpacked form.
fn etag(bytes: &[u8]) -> String {
    format!("W/\"{}\"", hex::encode(Sha256::digest(bytes)))
}

/// `/graphiql` and the files that its page names.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/graphiql", get(|headers: HeaderMap| async move { serve(PAGE, &headers) }))
        .route("/graphiql/{file}", get(|Path(file): Path<String>, headers: HeaderMap| async move { serve(&file, &headers) }))
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Names carry no version, so a browser asks each time, and is told in a few bytes when it has the file.
    let always = [(ETAG, file.etag.as_str()), (CACHE_CONTROL, "no-cache"), (VARY, "accept-encoding")];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == file.etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, always).into_response();
    }
    let about = [
        (CONTENT_TYPE, file.content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    match file.content {
        Content::Plain(bytes) => (always, about, bytes).into_response(),
        Content::Brotli(bytes) if accepts_brotli(headers) => (always, about, [(CONTENT_ENCODING, "br")], bytes).into_response(),
        Content::Brotli(mut packed) => {
            let mut bytes = Vec::new();
            match brotli_decompressor::BrotliDecompress(&mut packed, &mut bytes) {
                Ok(()) => (always, about, bytes).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    }
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.map(|coding| coding.split_once(';').unwrap_or((coding, ""))).any(|(name, weight)| {
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("br") && !refused
    })
}
