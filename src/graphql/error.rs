//! How errors leave: as a code, a sentence for the client, and, for internal ones, a cause that only the log may see.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Value};

use crate::error::{Cause, Error};

/// What an internal error carries through async-graphql to the place that logs it (`http/graphql.rs`), never to the client.
pub struct InternalCause(pub Cause);

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let (code, message) = match error {
            Error::Internal(cause) => {
                let mut error = coded("INTERNAL_SERVER_ERROR", "something went wrong here; please quote the request id".into());
                error.source = Some(Arc::new(InternalCause(cause)));
                return error;
            }
            Error::RateLimited(seconds) => {
                let mut error = coded("RATE_LIMITED", format!("too much at once; try again in {seconds} s"));
                if let Some(extensions) = &mut error.extensions {
                    extensions.set("retryAfter", seconds);
                }
                return error;
            }
            Error::BadInput(message) => ("BAD_USER_INPUT", message),
            Error::Unauthenticated => ("UNAUTHENTICATED", "sign in first".into()),
            Error::Forbidden(message) => ("FORBIDDEN", message),
            // Mutations answer refusals in their payload (`payload.rs`); a query has no other place for one.
            Error::Refused(refusals) => {
                let sentences: Vec<_> = refusals.into_iter().map(|refusal| refusal.message).collect();
                ("BAD_USER_INPUT", sentences.join("; "))
            }
        };
        coded(code, message)
    }
}

fn coded(code: &str, message: String) -> async_graphql::Error {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", Value::from(code));
    async_graphql::Error { message, source: None, extensions: Some(extensions) }
}
