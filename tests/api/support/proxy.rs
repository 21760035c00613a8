//! Stands between the app and PostgreSQL, and cuts a connection at the statement that a test names, or when a transaction was committed
//! and nobody has heard of it yet, or all of them. It counts the statements of transactions as they pass, so that no list of them is
//! needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use super::database::Database;

pub struct Proxy {
    database: std::sync::Mutex<Option<Database>>,
    /// Statements left until the cut. Far below zero: none is wanted.
    left: Arc<AtomicI64>,
    /// The next COMMIT is carried out, and its answer lost.
    mute: Arc<AtomicBool>,
    /// Whether anybody gets through.
    open: watch::Sender<bool>,
    /// The same database, not through here.
    pub direct_url: String,
}

const CALM: i64 = i64::MIN / 2;

impl Proxy {
    pub async fn start() -> Self {
        let database = Database::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = socket(&database.url);
        let left = Arc::new(AtomicI64::new(CALM));
        let mute = Arc::new(AtomicBool::new(false));
        let name = database.url.split(['/', '?']).find(|part| part.starts_with("test_")).unwrap().to_owned();
        let user = database.url.split("//").nth(1).and_then(|rest| rest.split(['@', ':', '/']).next()).unwrap().to_owned();
        let url = format!("postgres://{user}@127.0.0.1:{port}/{name}?sslmode=disable");
        let (open, _) = watch::channel(true);
        tokio::spawn({
            let (left, mute, open) = (left.clone(), mute.clone(), open.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (mut shut, passing) = (open.subscribe(), pass(client, socket.clone(), left.clone(), mute.clone()));
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = shut.wait_for(|open| !open) => {}
                            () = passing => {}
                        }
                    });
                }
            }
        });
        let direct_url = database.url.clone();
        Self { database: std::sync::Mutex::new(Some(database.reached_by(url))), left, mute, open, direct_url }
    }

    /// The database, reached through here.
    pub fn database(&self) -> Database {
        self.database.lock().unwrap().take().expect("asked for once")
    }

    /// Whether anybody gets through. When not, all connections end.
    pub fn let_through(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// The transaction's statement with this number, from 1 on, will not arrive: the connection ends there.
    pub fn cut_at(&self, number: i64) {
        self.left.store(number, Ordering::SeqCst);
    }

    /// The connection that commits next ends when that is done, before anybody is told.
    pub fn cut_after_commit(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }

    /// Nothing was cut since. From now on nothing will be.
    pub fn was_calm(&self) -> bool {
        self.mute.store(false, Ordering::SeqCst);
        self.left.swap(CALM, Ordering::SeqCst) > 0
    }
}

/// Where the server listens, from a URL with `host=/folder`.
fn socket(url: &str) -> String {
    let folder = url.split(['?', '&']).find_map(|part| part.strip_prefix("host=")).expect("a folder with a socket");
    let folder = url::form_urlencoded::parse(format!("a={folder}").as_bytes()).next().unwrap().1.into_owned();
    let port = url.split(['?', '&']).find_map(|part| part.strip_prefix("port=")).unwrap_or("5432");
    format!("{folder}/.s.PGSQL.{port}")
}

async fn pass(client: TcpStream, socket: String, left: Arc<AtomicI64>, mute: Arc<AtomicBool>) {
    let Ok(server) = UnixStream::connect(&socket).await else { return };
    client.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let last_answer = AtomicBool::new(false);
    let answers = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 || last_answer.load(Ordering::SeqCst) {
                return Ok(());
            }
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    let answers = async { answers.await as std::io::Result<()> };
    let requests = async {
        let mut startup = true;
        let mut in_transaction = false;
        loop {
            // The first message has no type.
            let kind = if startup { 0 } else { from_client.read_u8().await? };
            let length = from_client.read_u32().await?;
            let mut body = vec![0; length as usize - 4];
            from_client.read_exact(&mut body).await?;
            let text = String::from_utf8_lossy(&body).to_uppercase();
            in_transaction |= kind == b'Q' && text.starts_with("BEGIN");
            if in_transaction && matches!(kind, b'Q' | b'E') && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                return Ok(());
            }
            let commits = kind == b'Q' && text.trim_end_matches('\0').ends_with("COMMIT");
            if commits && mute.swap(false, Ordering::SeqCst) {
                last_answer.store(true, Ordering::SeqCst);
            }
            if commits || (kind == b'Q' && text.starts_with("ROLLBACK")) {
                in_transaction = false;
            }
            if !startup {
                to_server.write_u8(kind).await?;
            }
            to_server.write_u32(length).await?;
            to_server.write_all(&body).await?;
            startup = false;
        }
    };
    let requests = async { requests.await as std::io::Result<()> };
    tokio::select! {
        _ = answers => {}
        _ = requests => {}
    }
}
