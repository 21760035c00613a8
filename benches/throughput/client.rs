//! A client that costs as little as it can: it shares the processors with what it measures.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone)]
pub enum Load {
    /// The same body again and again.
    Query { token: Option<String>, body: String },
    /// One of many queries, in turn.
    Many { token: String, bodies: Vec<String> },
    /// Each connection answers its own sessions, which walk round a loop.
    Answers { token: String, sessions: Vec<Vec<String>> },
}

pub struct Measured {
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
}

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// The answer's body.
    pub async fn post(&mut self, token: Option<&str>, body: &str) -> String {
        self.ask(&request(token, None, body)).await
    }

    /// As if it came through a proxy from this address.
    pub async fn post_from(&mut self, address: &str, body: &str) -> String {
        self.ask(&request(None, Some(address), body)).await
    }

    /// A whole request; the answer's body.
    pub async fn ask(&mut self, request: &[u8]) -> String {
        let (from, to) = self.exchange(request).await;
        String::from_utf8_lossy(&self.buffer[from..to]).into_owned()
    }

    /// Sends a whole request and reads a whole answer; where its body stands in the buffer.
    async fn exchange(&mut self, request: &[u8]) -> (usize, usize) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server closed the connection");
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
            let total = end + 4 + length;
            while self.buffer.len() < total {
                assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server closed the connection");
            }
            return (end + 4, total);
        }
    }
}

fn request(token: Option<&str>, address: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let forwarded = address.map(|address| format!("x-forwarded-for: {address}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json";
    format!("{head}\r\n{authorization}{forwarded}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Every connection sends as fast as it gets answers. `checked`: an answer that refuses stops the run.
pub async fn drive(port: u16, load: &Load, connections: usize, time: Duration, checked: Option<()>) -> Measured {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..connections {
        tasks.push(tokio::spawn(one(port, load.clone(), number, begun + time, checked.is_some())));
    }
    let mut times: Vec<Duration> = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let per_second = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    Measured { per_second, p50: at(0.5), p99: at(0.99) }
}

async fn one(port: u16, load: Load, number: usize, until: Instant, measured: bool) -> Vec<Duration> {
    let mut connection = Connection::open(port).await.unwrap();
    let mut times = Vec::new();
    let mut send = async |request: &[u8]| {
        let begun = Instant::now();
        let (from, to) = connection.exchange(request).await;
        times.push(begun.elapsed());
        let body = std::str::from_utf8(&connection.buffer[from..to]).unwrap();
        assert!(!body.contains("\"errors\""), "{body}");
        body.contains("\"userErrors\":[{")
    };
    match load {
        Load::Query { token, body } => {
            let request = request(token.as_deref(), None, &body);
            while Instant::now() < until {
                send(&request).await;
            }
        }
        Load::Many { token, bodies } => {
            let requests: Vec<_> = bodies.iter().map(|body| request(Some(&token), None, body)).collect();
            for place in (number * 61).. {
                if Instant::now() >= until {
                    break;
                }
                send(&requests[place % requests.len()]).await;
            }
        }
        Load::Answers { token, sessions } => {
            // The warm-up walks half of the sessions, the measurement the other half: a session ends after 2,000 steps.
            let half = sessions[number].len() / 2;
            let mine = if measured { &sessions[number][half..] } else { &sessions[number][..half] };
            'sessions: for session in mine {
                for revision in 1..1990 {
                    if Instant::now() >= until {
                        break 'sessions;
                    }
                    let refused = send(&request(Some(&token), None, &super::content::answer(session, revision))).await;
                    assert!(!refused, "an answer was refused");
                }
            }
        }
    }
    times
}
