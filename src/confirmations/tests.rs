//! The file and what is looked up, without a gateway around them.
use super::journal::{self, Journal};
use super::ledger::Ledger;
use super::*;
use crate::kernel::confirm::machine::Answerer;
use crate::kernel::policy::source::Effect;

fn call(subject: &str, number: usize) -> Call {
    Call {
        subject: Digest::of(subject.as_bytes()),
        client: Digest::of(b"app"),
        server: "crm".to_owned(),
        tool: "update_customer".to_owned(),
        arguments: Digest::of(&number.to_be_bytes()),
        effect: Effect::Write,
        policy: Digest::of(b"policy"),
        contract: Digest::of(b"contract"),
    }
}

fn kept(subject: &str, number: usize) -> Kept {
    let proposal = Proposal {
        id: format!("{subject}-{number}"),
        call: call(subject, number),
        mode: Mode::Elicit,
        separate: false,
        preview: None,
        rechecked: false,
        expires: 1000,
    };
    Kept {
        confirmation: Confirmation::propose(proposal, 1),
        requester: ("corp".to_owned(), subject.to_owned(), None),
        lines: Vec::new(),
        preview: None,
        rule: String::new(),
        batch: None,
        like: None,
        left: 0,
        record: String::new(),
        prompts: vec![1],
    }
}

fn denied(mut kept: Kept) -> Kept {
    let call = kept.confirmation.call().clone();
    kept.confirmation.show(2).unwrap();
    let who = Answerer::Client { subject: call.subject, client: call.client };
    kept.confirmation.decide(false, who, 2).unwrap();
    kept
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn begun(&self, kept: &[Kept]) -> Journal {
        let lock = journal::lock(&self.0).unwrap();
        Journal::draft(&self.0, lock, &[7; 32], kept.iter()).unwrap().publish(None).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let found = journal::read(&self.0).unwrap();
        assert!(found.key == [7; 32] && !found.torn);
        let mut ids: Vec<_> = found.kept.iter().map(|kept| kept.confirmation.id().to_owned()).collect();
        ids.sort();
        ids
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_written_anew_has_what_was_written_meanwhile_and_nothing_that_was_forgotten() {
    let directory = Directory::new("anew");
    let mut old = directory.begun(&[kept("ann", 1), kept("ann", 2)]);
    let before = old.end();
    assert!(old.has(before) && !old.grew(false));
    assert!(old.grew(true), "as something was forgotten");
    let kept_on = [kept("ann", 2)];
    let draft = Journal::draft(&directory.0, old.locked(), &[7; 32], kept_on.iter()).unwrap();
    old.put(&kept("ann", 3)).unwrap();
    let meanwhile = old.end();
    assert!(!old.has(meanwhile), "written and not synced");
    assert_eq!(directory.ids(), ["ann-1", "ann-2", "ann-3"], "the old one is in force");
    let mut new = draft.publish(Some(&mut old)).unwrap();
    assert!(new.has(before) && new.has(meanwhile), "all of it is on disk");
    new.put(&kept("ann", 4)).unwrap();
    assert!(!new.has(new.end()));
    assert_eq!(directory.ids(), ["ann-2", "ann-3", "ann-4"]);
    // A sync of the old file says nothing of the new one.
    new.synced(meanwhile, Ok(())).unwrap();
    assert!(!new.has(new.end()));
}

#[test]
fn after_a_sync_that_failed_nothing_is_confirmed_until_the_file_is_written_anew() {
    let directory = Directory::new("failed");
    let mut journal = directory.begun(&[]);
    journal.put(&kept("ann", 1)).unwrap();
    let end = journal.end();
    let failed = || Err(std::io::Error::other("the disk is gone"));
    assert!(journal.synced(end, failed()).is_err());
    assert!(journal.synced(end, Ok(())).is_err(), "what failed may be forgotten, and the next sync succeeds");
    assert!(journal.put(&kept("ann", 2)).is_err() && !journal.has(end));
    assert!(journal.grew(false));
    let known = [kept("ann", 1)];
    let draft = Journal::draft(&directory.0, journal.locked(), &[7; 32], known.iter()).unwrap();
    let mut anew = draft.publish(Some(&mut journal)).unwrap();
    assert!(anew.has(end));
    anew.put(&kept("ann", 2)).unwrap();
    anew.synced(anew.end(), Ok(())).unwrap();
    assert_eq!(directory.ids(), ["ann-1", "ann-2"]);
}

#[test]
fn a_file_that_grows_past_its_room_is_read_as_it_was_written() {
    let directory = Directory::new("grows");
    let mut journal = directory.begun(&[]);
    let mut long = kept("ann", 0);
    long.preview = Some("x".repeat(100_000));
    for number in 0..20 {
        journal.put(&long).unwrap();
        journal.put(&kept("ann", number)).unwrap();
    }
    assert_eq!(directory.ids().len(), 20);
}

#[test]
fn what_lives_is_counted_and_what_is_over_is_bounded() {
    let mut ledger = Ledger::default();
    let (ann, bob) = (call("ann", 0).subject, call("bob", 0).subject);
    for number in 0..30 {
        ledger.keep(Arc::new(kept("ann", number)));
        ledger.keep(Arc::new(kept("bob", number)));
    }
    for number in 0..10 {
        ledger.keep(Arc::new(denied(kept("ann", number))));
        ledger.keep(Arc::new(denied(kept("ann", number))));
    }
    assert_eq!((ledger.live(&ann), ledger.live(&bob)), ((50, 20), (50, 30)));
    for number in 0..25_000 {
        ledger.keep(Arc::new(denied(kept("eve", number))));
    }
    assert_eq!(ledger.all().count(), 50 + 20_000);
    assert_eq!(ledger.live(&call("eve", 0).subject), (50, 0));
    let of_call = |number| ledger.of_call(&call("eve", number).key()).is_some();
    assert!(!of_call(0) && of_call(24_999), "the oldest go first");
    assert!(ledger.forget_old(0), "some were forgotten");
    assert!(!ledger.forget_old(1000 + ledger::KEPT_SECONDS) && ledger.forget_old(1001 + ledger::KEPT_SECONDS));
    assert_eq!(ledger.all().count(), 50, "what lives is not forgotten");
}
