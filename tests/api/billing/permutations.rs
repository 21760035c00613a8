//! Rule 1: whatever the order, the doubles and the concurrency, the same rows are left.

use fixpath::app::App;
use fixpath::id::{AccountId, Id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::stripe::{self, Story, with};

/// An account without people: enough to be a customer.
pub async fn account(app: &TestApp) -> AccountId {
    let id = AccountId::new(&app.app.clock);
    app.db_execute(&format!("INSERT INTO accounts (id, name, created_at) VALUES ('{}', 'Somebody', now())", Uuid::from(id))).await;
    id
}

/// The story's life with event ids that tell their place in it.
fn life(story: &Story, name: &str) -> Vec<Value> {
    let events = story.life().into_iter().enumerate();
    events.map(|(number, event)| with(event, &[("/id", json!(format!("evt_{name}_{number:02}")))])).collect()
}

/// What is left of one story, with its name taken out.
pub async fn left(app: &TestApp, name: &str) -> String {
    of_story(app.billing_state().await, name)
}

fn of_story(mut state: Value, name: &str) -> String {
    for rows in state.as_object_mut().unwrap().values_mut() {
        rows.as_array_mut().unwrap().retain(|row| row.to_string().contains(name));
        for row in rows.as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("account_id");
        }
    }
    serde_json::to_string_pretty(&state).unwrap().replace(name, "NAME")
}

fn shuffle(events: &mut [Value], mut seed: u64) {
    for index in (1..events.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        events.swap(index, (seed >> 33) as usize % (index + 1));
    }
}

async fn begin(app: &TestApp, name: &str) -> Vec<Value> {
    let story = Story::new(name);
    story.link(app, account(app).await).await;
    life(&story, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_doubles_leave_the_same_rows() {
    let (app, _owner, _story) = stripe::app().await;
    let events = begin(&app, "inorder").await;
    for event in &events {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let expected = left(&app, "inorder").await;
    insta::assert_snapshot!("the_rows_of_a_life", expected);

    // Customers at the same time, the events of each one after the other.
    let stories = (0..30).map(async |seed| {
        let name = format!("shuffled{seed:03}");
        let mut events = begin(&app, &name).await;
        shuffle(&mut events, seed);
        // Every third event comes once more, later.
        let doubles: Vec<Value> = events.iter().step_by(3).cloned().collect();
        for event in events.iter().chain(&doubles) {
            let answer = app.deliver(event).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        (name, events)
    });
    let stories = futures_util::future::join_all(stories).await;
    app.run_jobs().await;
    let state = app.billing_state().await;
    for (name, events) in stories {
        let order: Vec<_> = events.iter().map(|event| (&event["type"], &event["created"])).collect();
        assert_eq!(of_story(state.clone(), &name), expected, "{name}: {order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_leave_the_same_rows() {
    let (app, _owner, _story) = stripe::app().await;
    let events = begin(&app, "inorder").await;
    for event in &events {
        app.deliver(event).await;
    }
    app.run_jobs().await;
    let expected = left(&app, "inorder").await;

    let (second, _router) =
        app.second_process_with(&[("STRIPE_WEBHOOK_SECRET", stripe::SECRET), ("STRIPE_API_BASE", "http://127.0.0.1:9")]);
    for seed in 0..10 {
        let name = format!("twice{seed:03}");
        let mut events = begin(&app, &name).await;
        shuffle(&mut events, seed);
        let mut backwards = events.clone();
        backwards.reverse();
        tokio::join!(all(&app.app, &events), all(&second, &backwards));
        app.run_jobs().await;
        assert_eq!(left(&app, &name).await, expected, "seed {seed}");
    }
    second.stop.cancel();
}

/// Delivers one after the other. None is told to come again.
async fn all(app: &App, events: &[Value]) {
    use fixpath::billing::receive::{Receipt, attempt};
    use fixpath::stripe::object::Event;
    for event in events {
        let payload = event.to_string();
        let event = Event::read(payload.as_bytes()).unwrap();
        let receipt = attempt(app, &event, &payload).await;
        assert!(matches!(receipt, Receipt::Decided { .. }), "{}: {receipt:?}", event.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_deliveries_of_one_event_at_once_count_once() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("invoice.paid", 0, story.invoice("paid", 0, &[]));
    let answers = futures_util::future::join_all((0..100).map(|_| app.deliver(&event))).await;
    let applied = answers.iter().filter(|answer| answer.json()["applied"] == json!(true)).count();
    assert_eq!(applied, 1);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(app.app.queues.is_empty());
    assert_eq!(app.db_value("SELECT count(*) FROM payments").await, json!(1));
    app.run_jobs().await;
}
