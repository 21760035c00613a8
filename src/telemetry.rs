//! Where logs and traces go. A log line is a sentence and fields; it never holds an address, a token or a body.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::{ExposeSecret, SecretString};
use tracing::{Dispatch, Subscriber};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use crate::config::{Config, Log, LogFormat};
use crate::error::Error;

/// Days of logs that are kept.
const KEPT_FILES: usize = 30;
/// The queue would log what its jobs hold. What is said of it in `RUST_LOG` comes later, and counts.
const DEFAULT_FILTER: &str = "info,graphile_worker=warn";

/// Keeps logs and traces flowing. Dropping it writes what is still held back.
pub struct Telemetry {
    _file: Option<WorkerGuard>,
    traces: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            // The process ends: nobody is left to be told that the collector was away.
            traces.shutdown().ok();
        }
    }
}

/// To be called once, first of all.
pub fn start(config: &Config) -> Result<Telemetry, Error> {
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let (dispatch, telemetry) = build(&config.log, filter.as_deref().unwrap_or_default())?;
    tracing::dispatcher::set_global_default(dispatch)?;
    log_panics();
    Ok(telemetry)
}

/// Where everything goes, not yet in use.
pub fn build(log: &Log, filter: &str) -> Result<(Dispatch, Telemetry), Error> {
    let filter = EnvFilter::builder().parse(format!("{DEFAULT_FILTER},{filter}"));
    let filter = filter.map_err(|error| Error::internal(format!("RUST_LOG cannot be read: {error}")))?;
    let (lines, file) = lines(log)?;
    let traces = log.otlp_endpoint.as_ref().map(exporter).transpose()?;
    let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("fixpath")));
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(lines).with(spans).with(filter));
    Ok((dispatch, Telemetry { _file: file, traces }))
}

type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(log: &Log) -> Result<(Lines<S>, Option<WorkerGuard>), Error> {
    let (writer, guard, colours) = match &log.dir {
        None => (fmt::writer::BoxMakeWriter::new(std::io::stderr), None, std::io::IsTerminal::is_terminal(&std::io::stderr())),
        Some(dir) => {
            let unusable = |error: &dyn std::fmt::Display| Error::internal(format!("LOG_DIR: {} cannot be used: {error}", dir.display()));
            std::fs::create_dir_all(dir).map_err(|error| unusable(&error))?;
            let file = tracing_appender::rolling::Builder::new()
                .rotation(tracing_appender::rolling::Rotation::DAILY)
                .filename_prefix("fixpath")
                .filename_suffix("log")
                .max_log_files(KEPT_FILES)
                .build(dir)
                .map_err(|error| unusable(&error))?;
            let (file, guard) = tracing_appender::non_blocking(file);
            (fmt::writer::BoxMakeWriter::new(file), Some(guard), false)
        }
    };
    let lines = fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = match log.format {
        LogFormat::Pretty => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    Ok((lines, guard))
}

/// `endpoint` as OpenTelemetry defines it: the collector's base address, to which the path of traces is added.
fn exporter(endpoint: &SecretString) -> Result<SdkTracerProvider, Error> {
    let endpoint = format!("{}/v1/traces", endpoint.expose_secret().trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(endpoint).build();
    // The cause repeats the address, which may hold a password.
    let exporter = exporter.map_err(|_| Error::internal("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used"))?;
    let resource = Resource::builder().with_service_name("fixpath").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// A panic is logged where it happens, as one line within the span of its request.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "a panic: this is a bug");
    }));
}
