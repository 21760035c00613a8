//! Signed deliveries, to a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use fixpath::stripe::sandbox::faults::Deliver;
use fixpath::stripe::sandbox::{Options, WEBHOOK_SECRET};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::shop::{Shop, start, text};

/// What arrived: signature, body.
type Arrived = Arc<Mutex<Vec<(String, String)>>>;

/// Answers 500 so many times, then 200.
async fn endpoint(failures: usize) -> (String, Arrived) {
    let arrived = Arrived::default();
    let seen = arrived.clone();
    let handler = move |headers: HeaderMap, body: String| async move {
        let mut seen = seen.lock().unwrap();
        seen.push((headers["stripe-signature"].to_str().unwrap().to_owned(), body));
        if seen.len() <= failures { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(handler));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move { serving.serve_connection(hyper_util::rt::TokioIo::new(stream), service).await });
        }
    });
    (url, arrived)
}

fn valid(signature: &str, body: &str, secret: &str) -> bool {
    let (time, signatures) = signature.split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let expected = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
    time == start().timestamp().to_string() && signatures.split(',').any(|one| one == expected)
}

#[tokio::test]
async fn events_arrive_signed_in_the_order_of_happening() {
    let shop = Shop::open().await;
    let (url, arrived) = endpoint(0).await;
    shop.sandbox.deliver_to(&url);
    shop.subscribe("works", &[]).await;
    assert!(shop.sandbox.delivered(Duration::from_secs(10)).await);
    let arrived = arrived.lock().unwrap().clone();
    assert!(arrived.iter().all(|(signature, body)| valid(signature, body, WEBHOOK_SECRET)));
    let kinds: Vec<String> = arrived.iter().map(|(_, body)| text(&serde_json::from_str(body).unwrap(), "/type")).collect();
    let happened = shop.sandbox.world(|world| world.events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>());
    assert_eq!(kinds[..], happened[happened.len() - kinds.len()..]);
    assert_eq!(kinds.last().unwrap(), "checkout.session.completed");
}

#[tokio::test]
async fn a_refused_delivery_comes_again() {
    let options = Options { redelivery: vec![Duration::from_millis(20); 3], ..Options::default() };
    let shop = Shop::open_with(options).await;
    let (url, arrived) = endpoint(2).await;
    shop.sandbox.deliver_to(&url);
    shop.post("customers", &[]).await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if arrived.lock().unwrap().len() == 3 {
            break;
        }
    }
    let arrived = arrived.lock().unwrap().clone();
    assert_eq!(arrived.len(), 3);
    assert!(arrived.iter().all(|(_, body)| *body == arrived[0].1));
}

#[tokio::test]
async fn deliveries_are_doubled_lost_and_signed_with_every_secret() {
    let secrets = vec!["whsec_old".to_owned(), "whsec_new".to_owned()];
    let shop = Shop::open_with(Options { webhook_secrets: secrets, ..Options::default() }).await;
    shop.sandbox.set_deliveries(Deliver { lose: 1, extra_copies: 1, ..Deliver::default() });
    shop.post("customers", &[]).await;
    shop.post("customers", &[]).await;
    let taken = shop.sandbox.take_deliveries();
    assert_eq!(taken.len(), 2, "the first is lost, the second comes twice");
    assert_eq!(taken[0].body, taken[1].body);
    for secret in ["whsec_old", "whsec_new"] {
        assert!(valid(&taken[0].signature, &taken[0].body, secret));
    }
}

/// The names of those who arrived.
fn names(arrived: &Arrived) -> Vec<String> {
    arrived.lock().unwrap().iter().map(|(_, body)| text(&serde_json::from_str(body).unwrap(), "/data/object/name")).collect()
}

#[tokio::test]
async fn deliveries_are_held_back_and_then_come_in_any_order() {
    let shop = Shop::open().await;
    let (url, arrived) = endpoint(0).await;
    shop.sandbox.set_deliveries(Deliver { hold: true, ..Deliver::default() });
    shop.sandbox.deliver_to(&url);
    let customers: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    for name in &customers {
        shop.post("customers", &[("name", name)]).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(names(&arrived), Vec::<String>::new());
    // One of 20! orders is theirs.
    shop.sandbox.set_deliveries(Deliver { reorder: true, ..Deliver::default() });
    assert!(shop.sandbox.delivered(Duration::from_secs(10)).await);
    let mut names = names(&arrived);
    assert_ne!(names, customers);
    names.sort();
    assert_eq!(names, customers);
}

#[tokio::test]
async fn deliveries_come_at_once_and_wait_for_each_other_otherwise() {
    for at_once in [false, true] {
        let shop = Shop::open().await;
        let most = Arc::new(Mutex::new((0, 0)));
        let seen = most.clone();
        let handler = async move || {
            let begin = |(now, most): &mut (usize, usize)| {
                *now += 1;
                *most = (*most).max(*now);
            };
            begin(&mut seen.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen.lock().unwrap().0 -= 1;
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        shop.sandbox.set_deliveries(Deliver { at_once, hold: true, ..Deliver::default() });
        shop.sandbox.deliver_to(&format!("http://{}/hook", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(handler))).await });
        for _ in 0..5 {
            shop.post("customers", &[]).await;
        }
        shop.sandbox.set_deliveries(Deliver { at_once, ..Deliver::default() });
        assert!(shop.sandbox.delivered(Duration::from_secs(10)).await);
        let most = most.lock().unwrap().1;
        assert_eq!(most > 1, at_once, "{most}");
    }
}

#[tokio::test]
async fn an_event_names_its_request_and_what_was_before() {
    let shop = Shop::open().await;
    let path = format!("customers/{}", shop.customer);
    let request =
        shop.request(reqwest::Method::POST, &path).header("idempotency-key", "k3").form(&[("name", "Ann"), ("metadata[account]", "43")]);
    let reply = shop.send(request).await;
    let taken = shop.sandbox.take_deliveries();
    let event: Value = serde_json::from_str(&taken[0].body).unwrap();
    assert_eq!(event["request"], json!({ "id": reply.headers["request-id"].to_str().unwrap(), "idempotency_key": "k3" }));
    assert_eq!(event["data"]["previous_attributes"], json!({ "name": null, "metadata": { "account": "42" } }));
    assert_eq!(shop.get(&format!("events/{}", text(&event, "/id"))).await.body, event);
    assert_eq!(shop.get("events?type=customer.*&limit=1").await.body["data"][0], event);
}
