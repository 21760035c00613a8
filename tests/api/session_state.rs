//! The session's pure core: what each command does to a walk, and that the fold agrees.

use crate::support::documents::valid_call;
use crate::support::sessions::{ADA, BOB, CABLE, OUTAGE, Walker, outage_library, pinned, read, values};
use fixpath::session::commands::{self, Answer, MAX_STEPS, Stamp};
use fixpath::session::library::Library;
use fixpath::session::record::{StepKind, StepRecord};
use fixpath::session::refusal::Refusal;
use fixpath::session::run_on::{self, Automatic};
use fixpath::session::state::{State, Status, fold};
use fixpath::tree::document::{AskKind, Document, NodeKind, OutcomeKind};
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use StepKind::*;

fn walk_to_cable() -> Walker {
    let mut ada = Walker::start(outage_library(), None, json!({}));
    ada.text("customer", "Grace").option("scope", "one").number("lamps", 1.0);
    ada
}

fn message(refusal: Result<&mut Walker, Refusal>) -> String {
    match refusal.err().unwrap() {
        Refusal::WrongState(message) | Refusal::TooMany(message) => message,
        Refusal::Invalid { message, .. } | Refusal::NotFound { message, .. } | Refusal::TooLong { message, .. } => message,
        Refusal::Corrupt(corrupt) => panic!("{corrupt:?}"),
    }
}

// ── stories ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn an_outage_is_walked_through_decision_subtree_and_loop_to_its_end() {
    let mut ada = walk_to_cable();
    // The answer led to a decision, and that into the subtree, without anybody's help.
    assert_eq!(ada.kinds_from(4), [Answered, Decided, EnteredSubtree]);
    assert_eq!(ada.stands_on(), "plugged");
    assert_eq!(ada.state.walk.current.version, CABLE);
    assert_eq!(ada.variables(), json!({"length": 5, "caller": "Grace"}));

    ada.option("plugged", "yes").answer("since", Answer::Date("2026-03-01".into()));
    assert_eq!(ada.kinds_from(8), [Answered, LeftSubtree, Decided]);
    assert_eq!(ada.variables(), json!({"vip": false, "customer": "Grace", "lamps": 1, "cable": "unresolved"}));

    ada.answer("reboot", Answer::Continue).option("better", "no").number("lamps", 3.0).answer("reboot", Answer::Continue);
    ada.option("better", "yes");
    assert_eq!(ada.stands_on(), "works");
    assert_eq!(ada.state.status, Status::Active, "reaching a resolution does not complete");
    assert!(message(ada.try_answer("works", Answer::Continue)).contains("reached the resolution `works`"));

    let stamp = ada.stamp();
    let completed = commands::complete(&ada.library, &ada.state, None, Some("Reboot helped"), Some(true), stamp);
    ada.take(completed).unwrap();
    let outcome = ada.state.outcome.clone().unwrap();
    assert_eq!((outcome.kind, outcome.resolution_key.as_deref()), (OutcomeKind::Resolved, Some("works")));
    assert_eq!((ada.state.status, ada.state.ended_at), (Status::Completed, Some(stamp.at)));
    assert_eq!(ada.state.revision as usize, ada.steps.len());
    assert_eq!(ada.state.active_ms, 110_000, "automatic steps take no time");
    ada.assert_folds();
}

#[test]
fn undo_takes_back_the_last_answer_with_all_that_followed_from_it() {
    let mut ada = walk_to_cable();
    ada.undo(None);
    assert_eq!((ada.stands_on(), ada.state.walk.stack.len()), ("lamps", 0), "out of the subtree again");
    assert_eq!(ada.variables(), json!({"vip": false, "customer": "Grace"}));
    assert_eq!(ada.steps.last().unwrap().to_seq, Some(3));
    ada.undo(None).undo(None);
    assert_eq!(ada.stands_on(), "customer");
    assert!(message(ada.try_undo(None)).contains("nothing to undo"));
    ada.assert_folds();
}

#[test]
fn undo_reaches_back_into_a_subtree_that_was_left() {
    let mut ada = walk_to_cable();
    ada.option("plugged", "no");
    assert_eq!(ada.stands_on(), "works");
    ada.undo(None);
    assert_eq!((ada.stands_on(), ada.state.walk.current.version), ("plugged", CABLE));
    assert_eq!(ada.variables(), json!({"length": 5, "caller": "Grace"}));
    ada.option("plugged", "yes");
    assert_eq!(ada.stands_on(), "since");
    ada.assert_folds();
}

#[test]
fn undo_to_an_answer_means_after_the_steps_that_belong_to_it() {
    let mut ada = walk_to_cable();
    ada.option("plugged", "yes").undo(Some(4));
    assert_eq!(ada.steps.last().unwrap().to_seq, Some(6), "the decision and the call belong to the answer");
    assert_eq!(ada.stands_on(), "plugged");
    ada.assert_folds();
}

#[test]
fn undo_to_an_undone_step_brings_its_branch_back() {
    let mut ada = Walker::start(outage_library(), None, json!({}));
    ada.text("customer", "Grace").option("scope", "one").undo(None).option("scope", "all");
    assert_eq!(ada.stands_on(), "escalate");
    ada.undo(Some(3));
    assert_eq!(ada.stands_on(), "lamps");
    assert_eq!(ada.variables(), json!({"vip": false, "customer": "Grace"}));
    ada.assert_folds();
}

#[test]
fn undo_to_where_it_stands_or_to_no_step_is_refused() {
    let mut ada = walk_to_cable();
    ada.note("Long ladder needed");
    assert!(message(ada.try_undo(Some(6))).contains("already stands"));
    assert!(message(ada.try_undo(Some(7))).contains("already stands"));
    assert!(message(ada.try_undo(Some(0))).contains("steps 1 to 7"));
    assert!(message(ada.try_undo(Some(8))).contains("steps 1 to 7"));
    assert!(message(ada.try_undo(Some(i32::MIN))).contains("steps 1 to 7"));
    assert_eq!(ada.steps.len(), 7);
}

#[test]
fn notes_hand_overs_and_time_are_not_undone() {
    let mut ada = walk_to_cable();
    ada.note("Customer is angry");
    let stamp = ada.stamp();
    let handed = commands::hand_over(&ada.state, BOB, Some("My shift ends"), stamp);
    ada.take(handed).unwrap();
    let active_ms = ada.state.active_ms;
    ada.by = BOB;
    ada.undo(Some(1));
    assert_eq!((ada.stands_on(), ada.state.assignee), ("customer", BOB));
    assert_eq!(ada.state.active_ms, active_ms + 10_000);
    assert_eq!(ada.steps.iter().filter(|step| step.note.is_some()).count(), 2);
    ada.assert_folds();
}

#[test]
fn a_paused_session_takes_notes_and_a_hand_over_but_no_answers_until_it_is_resumed() {
    let mut ada = walk_to_cable();
    let stamp = ada.stamp();
    let paused = commands::pause(&ada.state, Some("Waiting for a ladder"), stamp);
    ada.take(paused).unwrap();
    assert!(message(ada.try_answer("plugged", Answer::Option("no".into()))).contains("paused"));
    assert!(message(ada.try_undo(None)).contains("paused"));
    assert!(matches!(commands::pause(&ada.state, None, stamp), Err(Refusal::WrongState(_))));
    assert!(matches!(
        commands::complete(&ada.library, &ada.state, Some(OutcomeKind::Resolved), None, None, stamp),
        Err(Refusal::WrongState(_))
    ));
    ada.note("It is on its way");
    let handed = commands::hand_over(&ada.state, BOB, None, stamp);
    ada.take(handed).unwrap();
    let resumed = commands::resume(&ada.state, stamp);
    ada.take(resumed).unwrap();
    assert!(matches!(commands::resume(&ada.state, stamp), Err(Refusal::WrongState(_))));
    ada.option("plugged", "no");
    assert_eq!((ada.stands_on(), ada.state.assignee), ("works", BOB));
    ada.assert_folds();
}

#[test]
fn an_ended_session_takes_nothing() {
    let mut ada = walk_to_cable();
    let stamp = ada.stamp();
    let abandoned = commands::abandon(&ada.state, stamp);
    ada.take(abandoned).unwrap();
    assert_eq!((ada.state.status, ada.state.outcome.clone()), (Status::Abandoned, None));
    let (library, state) = (&ada.library, &ada.state);
    let refusals = [
        commands::answer(library, state, "plugged", &Answer::Option("no".into()), None, stamp),
        commands::undo(library, state, &ada.steps, None, stamp),
        commands::note(state, "late", stamp),
        commands::pause(state, None, stamp),
        commands::resume(state, stamp),
        commands::hand_over(state, BOB, None, stamp),
        commands::complete(library, state, Some(OutcomeKind::Resolved), None, None, stamp),
        commands::abandon(state, stamp),
    ];
    for refusal in refusals {
        assert_eq!(refusal, Err(Refusal::WrongState("The session is abandoned.".into())));
    }
}

#[test]
fn completing_before_a_resolution_needs_an_outcome() {
    let mut ada = walk_to_cable();
    let stamp = ada.stamp();
    let refused = commands::complete(&ada.library, &ada.state, None, None, None, stamp);
    assert!(matches!(refused, Err(Refusal::WrongState(message)) if message.contains("`plugged`")));
    let completed = commands::complete(&ada.library, &ada.state, Some(OutcomeKind::Unresolved), None, None, stamp);
    ada.take(completed).unwrap();
    assert_eq!(ada.state.outcome.as_ref().unwrap().resolution_key, None);
    ada.assert_folds();
}

#[test]
fn a_session_can_start_in_the_middle_and_records_the_skip() {
    let ada = Walker::start(outage_library(), Some("judge"), json!({"lamps": 1, "vip": true}));
    assert_eq!(ada.kinds_from(1), [Started, Decided]);
    assert!(ada.steps[0].detail.skipped);
    assert_eq!(ada.stands_on(), "escalate");
    ada.assert_folds();
    assert!(!Walker::start(outage_library(), Some("customer"), json!({})).steps[0].detail.skipped);

    let refused = Walker::try_start(outage_library(), Some("nowhere"), values(json!({}))).err();
    assert!(matches!(refused, Some(Refusal::NotFound { path, .. }) if path == ["atNode"]));
}

#[test]
fn start_variables_must_be_declared_and_fit() {
    for (variables, path) in [
        (json!({"colour": "red"}), "colour"),
        (json!({"lamps": "three"}), "lamps"),
        (json!({"vip": null}), "vip"),
        (json!({"customer": ["Grace"]}), "customer"),
        (json!({"customer": "a\0b"}), "customer"),
    ] {
        let refused = Walker::try_start(outage_library(), None, values(variables)).err();
        assert!(matches!(&refused, Some(Refusal::Invalid { path: at, .. }) if at == &["variables", path]), "{refused:?}");
    }
    let refused = Walker::try_start(outage_library(), None, values(json!({"customer": "x".repeat(4097)}))).err();
    assert!(matches!(refused, Some(Refusal::TooLong { .. })));
    let ada = Walker::start(outage_library(), None, json!({"customer": "x".repeat(4096)}));
    assert_eq!(ada.state.walk.variables["customer"].as_str().unwrap().len(), 4096);
}

#[test]
fn a_wrong_answer_is_told_what_is_expected() {
    let mut ada = Walker::start(outage_library(), None, json!({}));
    assert_eq!(
        message(ada.try_answer("customer", Answer::Continue)),
        "The node `customer` asks for the `option` `anonymous`, or for `text` that is not blank."
    );
    assert!(message(ada.try_answer("customer", Answer::Text("  ".into()))).contains("not blank"));
    assert!(message(ada.try_answer("customer", Answer::Text("a\0b".into()))).contains("NUL"));
    assert!(message(ada.try_answer("customer", Answer::Text("x".repeat(4097)))).contains("4097 bytes"));
    assert_eq!(message(ada.try_answer("lamps", Answer::Number(1.0))), "The session stands on `customer`, not on `lamps`.");
    ada.option("customer", "anonymous");
    assert_eq!(ada.variables(), json!({"vip": false, "customer": "anonymous"}));
    assert_eq!(message(ada.try_answer("scope", Answer::Text("one".into()))), "The node `scope` asks for the `option` `all` or `one`.");
    ada.option("scope", "one");
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(message(ada.try_answer("lamps", Answer::Number(number))).contains("a finite `number`"));
    }
    ada.option("lamps", "unknown");
    assert_eq!(ada.steps[3].value, None, "`unknown` is no number");
    ada.option("plugged", "yes");
    for date in ["2026-02-30", "2026-2-3", "yesterday", "2026-02-03T00:00:00Z", ""] {
        assert!(message(ada.try_answer("since", Answer::Date(date.into()))).contains("2026-01-31"));
    }
    ada.answer("since", Answer::Date("2024-02-29".into()));
    assert!(message(ada.try_answer("reboot", Answer::Option("yes".into()))).contains("takes `continue`"));
    ada.assert_folds();
}

#[test]
fn numbers_keep_what_was_typed() {
    for (typed, kept) in [(3.0, json!(3)), (-0.5, json!(-0.5)), (1e300, json!(1e300)), (-7.0, json!(-7))] {
        let mut ada = Walker::start(outage_library(), Some("lamps"), json!({}));
        ada.number("lamps", typed);
        assert_eq!(ada.steps[1].value, Some(kept));
        ada.assert_folds();
    }
}

#[test]
fn an_answer_can_carry_a_note_and_an_empty_note_is_refused() {
    let mut ada = Walker::start(outage_library(), None, json!({}));
    let stamp = ada.stamp();
    let noted = commands::answer(&ada.library, &ada.state, "customer", &Answer::Text("Grace".into()), Some("On hold"), stamp);
    ada.take(noted).unwrap();
    assert_eq!(ada.steps[1].note.as_deref(), Some("On hold"));
    assert!(matches!(commands::note(&ada.state, " \n", stamp), Err(Refusal::Invalid { .. })));
    assert!(matches!(commands::note(&ada.state, "a\0", stamp), Err(Refusal::Invalid { .. })));
    assert!(matches!(commands::note(&ada.state, &"é".repeat(2049), stamp), Err(Refusal::TooLong { .. })));
    assert!(commands::note(&ada.state, &"é".repeat(2048), stamp).is_ok());
    assert!(matches!(commands::hand_over(&ada.state, ADA, None, stamp), Err(Refusal::Invalid { .. })));
}

#[test]
fn a_call_without_next_ends_the_tree_that_made_it() {
    // outer calls middle and goes on; middle ends in a call of inner.
    let (outer, middle, inner) = (OUTAGE, Uuid::from_u128(11), Uuid::from_u128(12));
    let call = |next: serde_json::Value| json!({"kind": "subtree", "title": "Call", "tree": "t", "next": next, "variable": "how"});
    let tree = |nodes: serde_json::Value| {
        read(json!({"schema": 1, "root": "call", "variables": [{"name": "how", "kind": "choice"}], "nodes": nodes}))
    };
    let ask = json!({"kind": "action", "title": "Wait", "next": "end"});
    let end = json!({"kind": "resolution", "title": "End", "outcome": "escalated"});
    let leaf = tree(json!({"call": ask, "end": end}));
    let tail = tree(json!({"call": call(json!(null)), "end": end}));

    let library = Library::new([
        pinned(outer, tree(json!({"call": call(json!("end")), "end": end})), [("call", middle)]),
        pinned(middle, tail.clone(), [("call", inner)]),
        pinned(inner, leaf.clone(), []),
    ]);
    let mut ada = Walker::start(library, None, json!({}));
    assert_eq!(ada.state.walk.stack.len(), 2);
    ada.answer("call", Answer::Continue);
    assert_eq!(ada.kinds_from(4), [Continued, LeftSubtree]);
    assert_eq!((ada.stands_on(), ada.state.walk.current.version), ("end", outer));
    assert_eq!(ada.variables(), json!({"how": "escalated"}));
    ada.assert_folds();

    // With nobody to go on, the innermost resolution is the session's.
    let library = Library::new([pinned(outer, tail, [("call", inner)]), pinned(inner, leaf, [])]);
    let mut ada = Walker::start(library, None, json!({}));
    ada.answer("call", Answer::Continue);
    assert_eq!((ada.stands_on(), ada.state.walk.current.version, ada.state.walk.root_version()), ("end", inner, outer));
    let stamp = ada.stamp();
    let completed = commands::complete(&ada.library, &ada.state, None, None, None, stamp);
    ada.take(completed).unwrap();
    assert_eq!(ada.state.outcome.as_ref().unwrap().kind, OutcomeKind::Escalated);
    ada.assert_folds();
}

#[test]
fn a_session_has_two_thousand_steps_and_keeps_room_for_its_end() {
    let mut ada = Walker::start(outage_library(), Some("lamps"), json!({}));
    while ada.steps.len() < MAX_STEPS as usize - 2 {
        ada.note("again");
    }
    let stamp = ada.stamp();
    assert!(matches!(commands::note(&ada.state, "one more", stamp), Err(Refusal::TooMany(message)) if message.contains("2000")));
    assert!(matches!(commands::pause(&ada.state, None, stamp), Err(Refusal::TooMany(_))));
    assert!(matches!(commands::undo(&ada.library, &ada.state, &ada.steps, None, stamp), Err(Refusal::WrongState(_))));
    assert!(message(ada.try_answer("lamps", Answer::Number(3.0))).contains("2000"));
    let completed = commands::complete(&ada.library, &ada.state, Some(OutcomeKind::Unresolved), None, None, stamp);
    ada.take(completed).unwrap();
    assert_eq!(ada.state.status, Status::Completed);
    ada.assert_folds();
}

#[test]
fn decisions_that_go_in_a_circle_end_in_a_refusal() {
    let circle = read(json!({"schema": 1, "root": "a", "nodes": {
        "a": {"kind": "decision", "title": "A", "otherwise": "b"},
        "b": {"kind": "decision", "title": "B", "otherwise": "a"},
    }}));
    let refused = Walker::try_start(Library::new([pinned(OUTAGE, circle, [])]), None, values(json!({}))).err();
    assert!(matches!(refused, Some(Refusal::TooMany(message)) if message.contains("100 decisions")));

    let calls_itself = read(json!({"schema": 1, "root": "a", "nodes": {"a": {"kind": "subtree", "title": "A", "tree": "a"}}}));
    let library = Library::new([pinned(OUTAGE, calls_itself, [("a", OUTAGE)])]);
    assert!(matches!(Walker::try_start(library, None, values(json!({}))).err(), Some(Refusal::Corrupt(_))));
}

#[test]
fn steps_that_contradict_the_tree_or_each_other_are_corrupt_and_not_a_panic() {
    let good = walk_to_cable();
    let broken = |change: &dyn Fn(&mut Vec<StepRecord>)| {
        let mut steps = good.steps.clone();
        change(&mut steps);
        fold(&good.library, &steps)
    };
    assert!(broken(&|_| ()).is_ok());
    assert!(broken(&|steps| steps.clear()).is_err());
    assert!(broken(&|steps| steps[1].seq = 7).is_err());
    assert!(broken(&|steps| drop(steps.remove(0))).is_err());
    assert!(broken(&|steps| steps[2].node_key = "lamps".into()).is_err());
    assert!(broken(&|steps| steps[2].option_key = Some("none".into())).is_err());
    assert!(broken(&|steps| steps[2].option_key = None).is_err());
    assert!(broken(&|steps| steps[3].kind = Continued).is_err());
    assert!(broken(&|steps| steps[4].detail.to = Some("works".into())).is_err());
    assert!(broken(&|steps| steps[4].detail.to = None).is_err());
    assert!(broken(&|steps| steps[5].kind = LeftSubtree).is_err());
    assert!(broken(&|steps| steps[5].kind = Started).is_err());
    assert!(broken(&|steps| steps[5].kind = HandedOver).is_err());
    assert!(broken(&|steps| (steps[4].kind, steps[4].to_seq) = (Undone, Some(5))).is_err());
    assert!(broken(&|steps| (steps[4].kind, steps[4].to_seq) = (Undone, None)).is_err());
    assert!(broken(&|steps| steps[2].kind = Abandoned).is_err());
}

// ── properties ──────────────────────────────────────────────────────────────────────────────────

const CASES: u32 = 10_000;

/// A library of a generated document and those that it calls.
fn library_of((document, callees): (Document, IndexMap<String, Document>)) -> Library {
    let ids: IndexMap<String, Uuid> =
        callees.keys().enumerate().map(|(i, name)| (name.clone(), Uuid::from_u128(100 + i as u128))).collect();
    let pins = document.nodes.iter().filter_map(|(key, node)| Some((key.clone(), ids[node.tree.as_ref()?]))).collect();
    let pinned_version =
        |document, pins| std::sync::Arc::new(fixpath::session::library::PinnedVersion { document: std::sync::Arc::new(document), pins });
    let called = callees.into_iter().map(|(name, callee)| (ids[&name], pinned_version(callee, Default::default())));
    Library::new(called.chain([(OUTAGE, pinned_version(document, pins))]))
}

/// Every answer that the node under the walk takes, and where it leads.
fn legal_answers(library: &Library, state: &State) -> Vec<(Answer, String)> {
    let node = state.walk.node(library).unwrap();
    match node.kind {
        NodeKind::Action => vec![(Answer::Continue, node.next.clone().unwrap())],
        NodeKind::Question => {
            let free: Vec<Answer> = match node.ask.unwrap() {
                AskKind::Number => [0.0, 25.0, -2.5].map(Answer::Number).to_vec(),
                AskKind::Date => vec![Answer::Date("2025-12-31".into())],
                AskKind::Choice | AskKind::YesNo | AskKind::Text => vec![Answer::Text("red".into())],
            };
            let free = free.into_iter().filter_map(|answer| Some((answer, node.otherwise.clone()?)));
            node.options.iter().map(|option| (Answer::Option(option.key.clone()), option.to.clone())).chain(free).collect()
        }
        _ => Vec::new(),
    }
}

fn stamp(active_ms: i64) -> Stamp {
    Stamp { by: ADA, at: "2026-03-02T10:00:00Z".parse().unwrap(), active_ms }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever legal answers come, every one is taken, and the walk then stands where one can be given or at the end. And from
    /// wherever it stands, an end can be reached: here by always taking the edge that leads furthest.
    #[test]
    fn a_valid_document_never_gets_stuck(trees in valid_call(), choices in prop::collection::vec(any::<u8>(), 0..20)) {
        let library = library_of(trees);
        let mut state = commands::start(&library, OUTAGE, None, values(json!({})), stamp(0)).unwrap().state;
        let mut choices = choices.into_iter();
        while run_on::resolution(&library, &state.walk).unwrap().is_none() {
            let legal = legal_answers(&library, &state);
            let chosen = match choices.next() {
                Some(choice) => legal.get(usize::from(choice) % legal.len().max(1)),
                None => legal.iter().max_by_key(|(_, to)| to[1..].parse::<usize>().unwrap()),
            };
            let (answer, _) = chosen.expect("no legal answer, and no resolution");
            let node_key = state.walk.current.node_key.clone();
            state = commands::answer(&library, &state, &node_key, answer, None, stamp(0)).unwrap().state;
            prop_assert!(state.revision < 1500, "it walks in circles");
        }
        prop_assert!(commands::complete(&library, &state, None, None, None, stamp(0)).is_ok());
    }

    /// The state that commands leave, each on top of the one before, is what the fold makes of all their steps.
    #[test]
    fn the_fold_of_the_steps_is_the_state_that_commands_left(
        trees in valid_call(),
        moves in prop::collection::vec((0..12u8, any::<u8>()), 0..30),
    ) {
        let library = library_of(trees);
        let started = commands::start(&library, OUTAGE, None, values(json!({})), stamp(5)).unwrap();
        let (mut steps, mut state) = (started.steps, started.state);
        // The states at which commands ended, by revision.
        let mut moments = IndexMap::from([(state.revision, state.clone())]);
        for (command, choice) in moves {
            let legal = legal_answers(&library, &state);
            let node_key = state.walk.current.node_key.clone();
            let to_seq = 1 + i32::from(choice) % state.revision;
            let change = match command {
                0 => commands::undo(&library, &state, &steps, None, stamp(1)),
                1 | 2 => commands::undo(&library, &state, &steps, Some(to_seq), stamp(2)),
                3 => commands::note(&state, "seen", stamp(3)),
                4 => commands::pause(&state, None, stamp(4)),
                5 => commands::resume(&state, stamp(0)),
                6 => commands::hand_over(&state, if choice % 2 == 0 { ADA } else { BOB }, None, stamp(0)),
                7 if choice > 200 => commands::complete(&library, &state, None, Some("done"), None, stamp(9)),
                7 if choice < 20 => commands::abandon(&state, stamp(0)),
                _ => match legal.get(usize::from(choice) % legal.len().max(1)) {
                    Some((answer, _)) => commands::answer(&library, &state, &node_key, answer, None, stamp(7)),
                    None => continue,
                },
            };
            let Ok(change) = change else { continue };
            steps.extend(change.steps);
            state = change.state;
            moments.insert(state.revision, state.clone());
            let last = steps.last().unwrap();
            if let Some(then) = last.to_seq.and_then(|seq| moments.get(&seq)) {
                prop_assert_eq!(&then.walk, &state.walk, "after undo the walk is what it was");
            }
        }
        prop_assert_eq!(&fold(&library, &steps).unwrap(), &state);
        let middle = moments.get_index(moments.len() / 2).unwrap();
        prop_assert_eq!(&fold(&library, &steps[..*middle.0 as usize]).unwrap(), middle.1);
        // What an automatic step recorded is what the tree says again.
        if let Some(step) = steps.iter().rfind(|step| step.kind.is_automatic()) {
            let before = fold(&library, &steps[..step.seq as usize - 1]).unwrap();
            let again = run_on::next(&library, &before.walk).unwrap().unwrap();
            prop_assert_eq!(again.kind(), step.kind);
            if let Automatic::Decide { to } = again {
                prop_assert_eq!(Some(to), step.detail.to.clone());
            }
        }
        let stored: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(stored, state);
    }
}
