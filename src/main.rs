//! The command line: reads the configuration, starts what is needed, dispatches.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fixpath::app::App;
use fixpath::billing::jobs::BillingJob;
use fixpath::clock::Clock;
use fixpath::config::Config;
use fixpath::db::migrate::{Direction, WAITS, is_current, migrate};
use fixpath::db::tls::Target;
use fixpath::db::{Db, embedded};
use fixpath::error::Error;
use fixpath::http::router;
use fixpath::http::serve::serve;
use fixpath::jobs::{Job, enqueue, queue, worker};
use fixpath::staff::{self, seed};
use fixpath::stripe::development;
use fixpath::{doctor, graphql, telemetry};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Guided troubleshooting: a GraphQL API server.
#[derive(Parser)]
#[command(name = "fixpath")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and run jobs (the default)
    Serve {
        /// Leave the jobs to `fixpath worker`
        #[arg(long)]
        no_worker: bool,
    },
    /// Run jobs only
    Worker,
    /// Bring the database to this version
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// Revert the last N migrations instead
        #[arg(long, value_name = "N", conflicts_with = "dry_run")]
        down: Option<usize>,
    },
    /// Print the GraphQL schema
    Schema,
    /// Make the demo account
    Seed,
    /// Jobs that failed for good: say which, have them tried again, or drop them
    Jobs {
        #[command(subcommand)]
        what: Jobs,
    },
    /// Say what stands between this configuration and a server that works
    Doctor,
    /// Say who belongs to the platform's own people
    Staff {
        #[command(subcommand)]
        change: StaffChange,
    },
}

#[derive(Subcommand)]
enum Jobs {
    /// Say which there are, and why
    Dead,
    /// Have all of one name tried again
    Retry { name: String },
    /// Delete all of one name
    Drop { name: String },
}

#[derive(Subcommand)]
enum StaffChange {
    /// Give somebody staff rights
    Grant { email: String },
    /// Take them away
    Revoke { email: String },
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve { no_worker: false });
    if let Command::Schema = command {
        print!("{}", graphql::sdl());
        return ExitCode::SUCCESS;
    }
    let done = if let Command::Doctor = command { examine() } else { start(command).map(|()| true) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("fixpath: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// What prevents a start is one sentence for the person who tried.
fn start(command: Command) -> Result<(), String> {
    read_env_file()?;
    let config = Config::from_env().map_err(|error| error.0)?;
    let runtime = runtime()?;
    // Telemetry may send over the network, hence needs the runtime.
    let telemetry = runtime.block_on(async { telemetry::start(&config) }).map_err(told)?;
    let private = private_database(&config)?;
    let result = runtime.block_on(run(config, private.as_ref(), command));
    // Connections first, then the database they lead to.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    drop(private);
    drop(telemetry);
    result.map_err(told)
}

/// Without repeating a line that cannot be read: it may hold a secret.
fn read_env_file() -> Result<(), String> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(line, at)) => {
            let name: String = line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            Err(format!(".env cannot be read at character {at} of the line that begins with `{name}`: a value with spaces needs quotes"))
        }
        Err(error) => Err(format!(".env: {error}")),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a second cryptography provider is installed")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())
}

/// None where `DATABASE_URL` names another. Blocks: to be called outside the runtime.
fn private_database(config: &Config) -> Result<Option<embedded::Embedded>, String> {
    if config.database.url.is_some() {
        return Ok(None);
    }
    let options = embedded::Options { data_dir: config.data_dir.clone(), pg_bin: config.database.pg_bin.clone(), durable: true };
    embedded::start(&options).map(Some).map_err(|error| error.to_string())
}

fn connect(config: &Config, private: Option<&embedded::Embedded>) -> Result<Db, Error> {
    let target = |url: &str| Target::parse(url).map_err(Error::internal);
    let primary = match (&config.database.url, private) {
        (Some(url), _) => target(url.expose_secret())?,
        (None, Some(private)) => target(&private.url("postgres"))?,
        (None, None) => return Err(Error::internal("there is no database")),
    };
    let replica = config.database.replica_url.as_ref().map(|url| target(url.expose_secret())).transpose()?;
    Db::new(primary, replica, config.database.pool_size)
}

/// Prints a line for each finding, and says whether a server would work.
fn examine() -> Result<bool, String> {
    read_env_file()?;
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return Ok(tell(&[doctor::unreadable(&error.0)])),
    };
    let runtime = runtime()?;
    let healthy = tell(&runtime.block_on(doctor::examine(&config)));
    let private = match private_database(&config) {
        Ok(private) => private,
        Err(sentence) => return Ok(tell(&[doctor::no_database(&sentence)])),
    };
    let db = connect(&config, private.as_ref()).map_err(told)?;
    let database_healthy = tell(&runtime.block_on(doctor::examine_database(&config, &db, &Clock::System)));
    // Connections first, then the database they lead to.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    drop(private);
    Ok(healthy && database_healthy)
}

fn tell(findings: &[doctor::Finding]) -> bool {
    findings.iter().for_each(|finding| println!("{finding}"));
    doctor::is_healthy(findings)
}

fn told(error: Error) -> String {
    match error {
        Error::Refused(refusals) => refusals.into_iter().map(|refusal| refusal.message).collect::<Vec<_>>().join(" "),
        Error::Internal(cause) => format!("{cause:?}"),
        other => format!("{other:?}"),
    }
}

async fn run(config: Config, private: Option<&embedded::Embedded>, command: Command) -> Result<(), Error> {
    let db = connect(&config, private)?;
    if config.database.url.is_some() {
        let unusable = |error| Error::internal(format!("DATABASE_URL leads to no database that can be used: {error}"));
        drop(db.target().connect_diesel().await.map_err(unusable)?);
    }
    match command {
        Command::Serve { no_worker } => serve_api(config, db, !no_worker).await,
        Command::Worker => work(config, db).await,
        Command::Migrate { dry_run, down } => {
            let direction = match (dry_run, down) {
                (true, _) => Direction::DryRun,
                (false, Some(count)) => Direction::Down(count),
                (false, None) => Direction::Up,
            };
            for name in migrate(&db, direction).await? {
                println!("{name}");
            }
            Ok(())
        }
        Command::Seed => {
            let app = App::new(config, Clock::System, db)?;
            let made = seed::seed(&app).await?;
            println!("{}", if made { "The demo account is there." } else { "The demo account was there already." });
            Ok(())
        }
        Command::Jobs { what } => jobs(&db, what).await,
        Command::Staff { change } => {
            let app = App::new(config, Clock::System, db)?;
            match change {
                StaffChange::Grant { email } => staff::grant::grant(&app, &email).await,
                StaffChange::Revoke { email } => staff::revoke::revoke(&app, &email).await,
            }
        }
        // Answered before anything was started.
        Command::Schema | Command::Doctor => Ok(()),
    }
}

async fn jobs(db: &Db, what: Jobs) -> Result<(), Error> {
    let mut conn = db.conn().await?;
    match what {
        Jobs::Dead => {
            for job in queue::dead(&mut conn, i64::MAX).await? {
                let subject = job.subject().map(|subject| subject.to_string()).unwrap_or_default();
                let (at, cause) = (job.died_at.format("%F %T"), job.last_error.as_deref().unwrap_or_default());
                println!("{at}  {} {subject}  after {} attempts: {cause}", job.name(), job.attempts);
            }
        }
        Jobs::Retry { name } => println!("{} tried again", queue::revive(&mut conn, &name).await?),
        Jobs::Drop { name } => println!("{} dropped", queue::drop_dead(&mut conn, &name).await?),
    }
    Ok(())
}

/// In production, migrating is an act of its own: several versions may run beside each other for a while.
async fn make_current(config: &Config, db: &Db) -> Result<(), Error> {
    if config.development() {
        migrate(db, Direction::Up).await?;
    } else if !is_current(db).await? {
        return Err(Error::internal(WAITS));
    }
    Ok(())
}

async fn serve_api(mut config: Config, db: Db, worker: bool) -> Result<(), Error> {
    let development = config.development();
    make_current(&config, &db).await?;
    let bind = config.http.bind;
    let listener = TcpListener::bind(bind).await.map_err(|error| Error::internal(format!("BIND {bind}: {error}")))?;
    let address = listener.local_addr()?;
    let port = address.port();
    let sandbox = development::play(&mut config, &Clock::System, true).await?;
    let app = App::new(config, Clock::System, db)?;
    if development {
        seed::seed(&app).await?;
        println!("GraphQL   http://localhost:{port}/graphql");
        if app.config.http.graphiql {
            println!("GraphiQL  http://localhost:{port}/graphiql");
        }
        if let Some(sandbox) = &sandbox {
            sandbox.deliver_to(&format!("http://localhost:{port}/webhooks/stripe"));
            println!("Stripe    {} (a simulation, until STRIPE_SECRET_KEY is set)", sandbox.dashboard_url());
        }
        if !address.ip().is_loopback() {
            tracing::warn!(%bind, "this is a development server on an address that others reach, and everybody knows the demo password");
        }
        println!("Sign in as {} with the password {}, or sign up.", seed::EMAIL, seed::PASSWORD);
    } else {
        tracing::info!(%bind, "serving");
    }
    offer_plans_soon(&app).await?;
    if worker {
        app.background.spawn(worker::run(app.clone()));
    }
    let served = serve(app, listener).await;
    // Until the last request is answered, somebody may need it.
    drop(sandbox);
    served
}

/// What this version sells is told to Stripe without waiting for the schedule.
async fn offer_plans_soon(app: &App) -> Result<(), Error> {
    let job = Job::Billing(BillingJob::OfferPlans);
    enqueue(&mut *app.db.conn().await?, &job, None).await
}

/// The same worker as in `serve_api`, without the API.
async fn work(mut config: Config, db: Db) -> Result<(), Error> {
    make_current(&config, &db).await?;
    development::play(&mut config, &Clock::System, false).await?;
    let app = App::new(config, Clock::System, db)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    if let Some(bind) = app.config.worker.metrics_bind {
        let listener = TcpListener::bind(bind).await.map_err(|error| Error::internal(format!("METRICS_BIND {bind}: {error}")))?;
        let server = axum::serve(listener, router::about_itself(app.clone()));
        app.background.spawn(server.with_graceful_shutdown(app.stop.clone().cancelled_owned()).into_future());
    }
    app.background.spawn(worker::run(app.clone()));
    app.background.close();
    tracing::info!("running jobs");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: taking no new jobs, finishing what runs");
    app.stop.cancel();
    app.background.wait().await;
    app.db.close();
    Ok(())
}
