//! Random lives are of use only if their events lead to their truth.

use std::collections::BTreeSet;

use fixpath::stripe::sandbox::history;
use fixpath::stripe::sandbox::versions::Version;
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn the_last_event_of_every_history_shows_its_truth() {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut statuses, mut bursts) = (BTreeSet::new(), 0);
    for _ in 0..500 {
        let history = history::random(&mut rng);
        let told = history.run();
        let events = told.events();
        let shown = events.last().unwrap().render(&told.world, &Version::default());
        let (mut last, mut truth) = (shown["data"]["object"].clone(), told.truth());
        // An invoice that changes nothing else about the subscription is not told of.
        for object in [&mut last, &mut truth] {
            object.as_object_mut().unwrap().shift_remove("latest_invoice");
        }
        assert_eq!(last, truth, "{history:?}");
        statuses.insert(truth["status"].as_str().unwrap().to_owned());
        bursts += events.windows(2).filter(|pair| pair[0].created == pair[1].created).count();
    }
    let all = ["active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"];
    assert_eq!(statuses, BTreeSet::from(all.map(str::to_owned)));
    assert!(bursts > 500, "{bursts} pairs of events share a second");
}

#[test]
fn each_update_says_what_was_before() {
    let mut rng = StdRng::seed_from_u64(8);
    for _ in 0..200 {
        let told = history::random(&mut rng).run();
        for event in told.payloads(&Version::default()) {
            let updated = event["type"] == "customer.subscription.updated";
            let previous = event["data"]["previous_attributes"].as_object();
            assert!(!updated || previous.is_some_and(|fields| !fields.is_empty()), "{event}");
        }
    }
}

#[test]
fn the_same_history_is_told_alike_twice() {
    let history = history::random(&mut StdRng::seed_from_u64(9));
    let (one, other) = (history.run(), history.run());
    assert_eq!(one.payloads(&Version::default()), other.payloads(&Version::default()));
}
