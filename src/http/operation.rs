//! The pipeline that every operation goes through, however it arrived: check the text, parse, choose the operation, guard, find out
//! who asks, count it, execute within a time limit.

use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Request, Response as Executed, ServerError, Value};
use futures_util::stream::{self, BoxStream, StreamExt};
use tracing::Instrument;

use super::answer::{self, BAD_USER_INPUT, Refused, TIMEOUT, UNAUTHENTICATED, VALIDATION_FAILED, error};
use super::arrival::{Arrival, Outcome};
use super::documents::Documents;
use super::params::Params;
use super::requester::Claim;
use super::{nulls, order};
use crate::app::App;
use crate::deadline;
use crate::graphql::guard::{self, Measure};
use crate::graphql::loaders::{self, Batches};
use crate::graphql::shape::Shape;
use crate::graphql::{FixpathSchema, OverLimit};
use crate::identity::actor::Actor;
use crate::limits::Sender;
use crate::metrics;

/// What executing needs beside the request.
#[derive(Clone)]
pub struct Endpoint {
    pub app: App,
    pub schema: FixpathSchema,
    pub shape: Arc<Shape>,
    pub documents: Documents,
}

/// An operation that the guard lets through.
pub struct Operation {
    request: Request,
    /// For what is looked up only when something fails.
    document: Arc<ExecutableDocument>,
    pub name: Option<String>,
    pub kind: OperationType,
    pub measure: Measure,
    /// Of a mutation whose sender has used up their allowance, in how many seconds to try again: it says so, and does nothing.
    pub over_limit: Option<u64>,
    batches: Batches,
}

impl Operation {
    /// Parse, choose, guard. Touches neither database nor schema.
    pub fn prepare(params: Params, endpoint: &Endpoint) -> Result<Self, ServerError> {
        let document = endpoint.documents.parse(&params.query)?;
        let wanted = params.operation_name.filter(|name| !name.is_empty());
        let (name, chosen) = choose(&document, wanted.as_deref())?;
        let kind = chosen.ty;
        let measure = guard::measure(&endpoint.shape, &document, chosen, &params.variables).map_err(refused_by_guard)?;
        let mut variables = params.variables;
        // async-graphql forgets defaults where `@include` and `@skip` use a variable.
        for definition in &chosen.variable_definitions {
            if let Some(default) = definition.node.default_value.as_ref()
                && !variables.contains_key(&definition.node.name.node)
            {
                variables.insert(definition.node.name.node.clone(), default.node.clone());
            }
        }
        let mut request = Request::new("").variables(variables);
        request.operation_name.clone_from(&name);
        request.set_parsed_query(ExecutableDocument::clone(&document));
        Ok(Self { request, document, name, kind, measure, over_limit: None, batches: Batches::default() })
    }

    pub fn outcome(&self) -> Outcome {
        let kind = match self.kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let operation = self.name.as_ref().map(|name| name.chars().take(60).collect());
        Outcome { operation, kind: Some(kind), cost: self.measure.cost, ..Outcome::default() }
    }

    /// Whether it matters who asks: not for what reads nothing, such as `{ __typename }`.
    pub fn needs_somebody(&self, endpoint: &Endpoint) -> bool {
        self.measure.reads || (self.measure.introspects && !endpoint.app.config.http.graphiql)
    }

    /// Who asks, and whether they may ask so much. A mutation is checked against the database; what reads nothing needs nobody.
    pub async fn admit(&mut self, endpoint: &Endpoint, arrival: &Arrival, claim: &Claim) -> Result<Option<Actor>, Refused> {
        let app = &endpoint.app;
        let somebody = self.needs_somebody(endpoint);
        let actor = if somebody { claim.resolve(app, self.kind == OperationType::Mutation, &arrival.id).await? } else { None };
        let sender = Sender::of(actor.as_ref(), arrival.address);
        if let Err(seconds) = app.limits.check_operation(sender, self.measure.cost).await {
            if self.kind != OperationType::Mutation {
                return Err(Refused::rate_limited(seconds));
            }
            self.over_limit = Some(seconds);
            self.request.data.insert(OverLimit(seconds));
        }
        if self.measure.introspects && actor.is_none() && !app.config.http.graphiql {
            return Err(Refused::new(axum::http::StatusCode::UNAUTHORIZED, UNAUTHENTICATED, "introspection is for signed-in people here"));
        }
        let mut requester = claim.requester.clone();
        requester.actor = actor;
        self.request.data.insert(requester);
        self.batches = loaders::attach(&mut self.request.data, app, actor.as_ref());
        Ok(actor)
    }

    /// A query or a mutation.
    pub async fn execute(self, endpoint: &Endpoint, arrival: &Arrival) -> Executed {
        let finish = Finish::of(&self, endpoint, arrival);
        let span = tracing::info_span!("operation", operation = self.name, kind = %self.kind);
        let schema = endpoint.schema.clone();
        let limit = endpoint.app.config.http.times.operation;
        let execute = async move { deadline::within(limit, self.batches.run(schema.execute(self.request))).await }.instrument(span);
        let executed = if self.kind == OperationType::Mutation {
            // In a task of its own: a client that goes away must not stop a mutation between its commit and what follows from it.
            // A shutdown waits for it.
            match endpoint.app.background.spawn(execute).await {
                Ok(executed) => executed,
                Err(ended) => match ended.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Ok(Executed::from_errors(vec![error(answer::INTERNAL, "the server is shutting down")])),
                },
            }
        } else {
            execute.await
        };
        let executed = executed.unwrap_or_else(|_| {
            let seconds = limit.as_secs();
            Executed::from_errors(vec![error(TIMEOUT, format!("the operation took longer than {seconds} s and was stopped"))])
        });
        finish.finish(executed)
    }

    /// One answer, or, of a subscription, one for each event.
    pub fn answers(self, endpoint: &Endpoint, arrival: &Arrival) -> BoxStream<'static, Executed> {
        let (endpoint, arrival) = (endpoint.clone(), arrival.clone());
        if self.kind == OperationType::Subscription {
            let finish = Finish::of(&self, &endpoint, &arrival);
            let events = endpoint.schema.execute_stream(self.request).boxed();
            self.batches.run_stream(events).map(move |executed| finish.finish(executed)).boxed()
        } else {
            stream::once(async move { self.execute(&endpoint, &arrival).await }).boxed()
        }
    }
}

/// What is done with every answer before it leaves.
struct Finish {
    document: Arc<ExecutableDocument>,
    operation: Option<String>,
    shape: Arc<Shape>,
    cost: u64,
    request_id: String,
}

impl Finish {
    fn of(operation: &Operation, endpoint: &Endpoint, arrival: &Arrival) -> Self {
        Self {
            document: operation.document.clone(),
            operation: operation.name.clone(),
            shape: endpoint.shape.clone(),
            cost: operation.measure.cost,
            request_id: arrival.id.clone(),
        }
    }

    fn finish(&self, mut executed: Executed) -> Executed {
        answer::normalise(&mut executed, &self.request_id);
        nulls::put(&mut executed, &self.document, self.operation.as_deref(), &self.shape);
        order::put(&mut executed.data, &self.document, self.operation.as_deref());
        if executed.errors.is_empty() && executed.data == Value::Null {
            // Everything was skipped: that is an empty object, not nothing.
            executed.data = Value::Object(Default::default());
        }
        executed.extensions.insert("cost".to_owned(), Value::from(self.cost));
        executed
    }
}

pub fn refused_by_guard(refusal: guard::Refusal) -> ServerError {
    let error = ServerError::from(refusal);
    metrics::guard_refused(answer::code(&error).unwrap_or_default());
    error
}

/// The operation of this name, which was chosen; None: the only one.
pub fn definition<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name).map(|operation| &operation.node),
        (DocumentOperations::Multiple(operations), None) => operations.values().next().map(|operation| &operation.node),
    }
}

fn choose<'a>(document: &'a ExecutableDocument, wanted: Option<&str>) -> Result<(Option<String>, &'a OperationDefinition), ServerError> {
    let unknown = |name: &str| {
        let name: String = name.chars().take(60).collect();
        Err(error(VALIDATION_FAILED, format!("the document has no operation named `{name}`")))
    };
    match (&document.operations, wanted) {
        (DocumentOperations::Single(operation), None) => Ok((None, &operation.node)),
        (DocumentOperations::Multiple(operations), Some(wanted)) => match operations.get(wanted) {
            Some(operation) => Ok((Some(wanted.to_owned()), &operation.node)),
            None => unknown(wanted),
        },
        (DocumentOperations::Single(_), Some(wanted)) => unknown(wanted),
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.iter();
            match (all.next(), all.next()) {
                (Some((name, operation)), None) => Ok((Some(name.to_string()), &operation.node)),
                _ => Err(error(BAD_USER_INPUT, "the document has several operations: name one in `operationName`")),
            }
        }
    }
}
