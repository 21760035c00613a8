//! What Stripe answers when it refuses: a status and `{"error": {type, code, message, param}}`.

use serde_json::{Value, json};

use super::json::Json;

pub type Answer = Result<Value, ApiError>;

#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    pub decline_code: Option<&'static str>,
    /// Found before anything was done: it is not kept under an idempotency key.
    pub early: bool,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, kind, code, message: message.into(), param: None, decline_code: None, early: false }
    }

    /// The request is wrong in itself.
    pub fn early(self) -> Self {
        Self { early: true, ..self }
    }

    /// About one parameter.
    pub fn param(name: impl Into<String>, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { param: Some(name.into()), ..Self::new(400, "invalid_request_error", code, message) }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message)
    }

    pub fn state(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message)
    }

    /// An id in the path.
    pub fn missing(kind: &str, id: &str) -> Self {
        Self { status: 404, ..Self::no_such("id", kind, id) }
    }

    /// An id in a parameter.
    pub fn no_such(param: &str, kind: &str, id: &str) -> Self {
        Self::param(param, Some("resource_missing"), format!("No such {kind}: '{id}'"))
    }

    pub fn unknown_route(method: &str, path: &str) -> Self {
        Self::new(404, "invalid_request_error", None, format!("Unrecognized request URL ({method}: {path}).")).early()
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "invalid_request_error", None, message)
    }

    pub fn card(decline: &'static str) -> Self {
        let (code, message) = match decline {
            "authentication_required" => ("authentication_required", "Your card was declined. This transaction requires authentication."),
            _ => ("card_declined", "Your card was declined."),
        };
        Self { decline_code: Some(decline), ..Self::new(402, "card_error", Some(code), message) }
    }

    pub fn other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. \
             Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, message)
    }

    pub fn key_in_use(key: &str) -> Self {
        let message = format!("There is currently another in-progress request using this Idempotent Key: {key}.");
        Self::new(409, "idempotency_error", Some("idempotency_key_in_use"), message)
    }

    pub fn forbidden() -> Self {
        Self::new(403, "invalid_request_error", None, "The provided key does not have the required permissions for this endpoint.")
    }

    pub fn rate_limited() -> Self {
        Self::new(429, "invalid_request_error", Some("rate_limit"), "Request rate limit exceeded.")
    }

    pub fn lock_timeout() -> Self {
        let message = "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.";
        Self::new(409, "invalid_request_error", Some("lock_timeout"), message)
    }

    pub fn server() -> Self {
        Self::new(500, "api_error", None, "An unknown error occurred.")
    }

    pub fn body(&self) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind });
        let optional = [("code", self.code), ("param", self.param.as_deref()), ("decline_code", self.decline_code)];
        for (name, value) in optional.into_iter().filter(|(_, value)| value.is_some()) {
            error.set(name, value);
        }
        if let Some(code) = self.code {
            error.set("doc_url", format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        json!({ "error": error })
    }
}
