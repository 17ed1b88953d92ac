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
        question: Arc::new(Asked {
            requester: ("corp".to_owned(), subject.to_owned(), None),
            lines: Vec::new(),
            preview: None,
            rule: String::new(),
            batch: None,
            like: None,
        }),
        course: Course { left: 0, record: String::new(), prompts: vec![1] },
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
    old.begin(&kept("ann", 3)).unwrap();
    old.write().unwrap();
    let meanwhile = old.end();
    assert!(!old.has(meanwhile), "written and not synced");
    assert_eq!(directory.ids(), ["ann-1", "ann-2", "ann-3"], "the old one is in force");
    let mut new = draft.publish(Some(&mut old)).unwrap();
    assert!(new.has(before) && new.has(meanwhile), "all of it is on disk");
    new.begin(&kept("ann", 4)).unwrap();
    new.write().unwrap();
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
    journal.begin(&kept("ann", 1)).unwrap();
    let end = journal.end();
    let failed = || Err(std::io::Error::other("the disk is gone"));
    assert!(journal.synced(end, failed()).is_err());
    assert!(journal.synced(end, Ok(())).is_err(), "what failed may be forgotten, and the next sync succeeds");
    assert!(journal.begin(&kept("ann", 2)).is_err() && !journal.has(end));
    assert!(journal.grew(false));
    let known = [kept("ann", 1)];
    let draft = Journal::draft(&directory.0, journal.locked(), &[7; 32], known.iter()).unwrap();
    let mut anew = draft.publish(Some(&mut journal)).unwrap();
    assert!(anew.has(end));
    anew.begin(&kept("ann", 2)).unwrap();
    let (_, end) = anew.syncable().unwrap();
    anew.synced(end, Ok(())).unwrap();
    assert_eq!(directory.ids(), ["ann-1", "ann-2"]);
}

#[test]
fn a_file_that_grows_past_its_room_is_read_as_it_was_written() {
    let directory = Directory::new("grows");
    let mut journal = directory.begun(&[]);
    let mut long = kept("ann", 0);
    long.course.record = "x".repeat(100_000);
    for number in 0..20 {
        journal.begin(&long).unwrap();
        journal.begin(&kept("ann", number)).unwrap();
    }
    journal.write().unwrap();
    assert_eq!(directory.ids().len(), 20);
}

#[test]
fn a_step_is_read_as_it_was_taken_and_nothing_that_was_written_is_lost() {
    let directory = Directory::new("steps");
    let mut journal = directory.begun(&[]);
    let (mut one, other) = (kept("ann", 1), denied(kept("ann", 2)));
    let written = |known: &[&Kept]| {
        let mut found = journal::read(&directory.0).unwrap().kept;
        found.sort_by_key(|kept| kept.confirmation.id().to_owned());
        assert_eq!(found.iter().collect::<Vec<_>>(), known);
    };
    journal.begin(&one).unwrap();
    let asked = one.clone();
    one.confirmation.show(2).unwrap();
    one.course = Course { left: 3, record: "r".to_owned(), prompts: vec![1, 2] };
    journal.step(&one).unwrap();
    written(&[]);
    journal.write().unwrap();
    written(&[&one]);
    assert_ne!(one, asked);
    // What only gathered is written with what comes next, or when the gateway ends.
    let spent = denied(one);
    journal.step(&spent).unwrap();
    journal.begin(&other).unwrap();
    drop(journal);
    written(&[&spent, &other]);
}

#[test]
fn many_steps_gather_in_little_memory_and_are_written() {
    let directory = Directory::new("gather");
    let mut journal = directory.begun(&[kept("ann", 1)]);
    let mut one = kept("ann", 1);
    for number in 0..5000 {
        one.course.prompts = vec![number];
        journal.step(&one).unwrap();
    }
    let found = journal::read(&directory.0).unwrap().kept;
    assert!(found[0].course.prompts[0] > 4000, "all but the last few: {:?}", found[0].course);
    journal.write().unwrap();
    assert_eq!(journal::read(&directory.0).unwrap().kept, [one]);
}

#[test]
fn a_step_of_one_that_never_began_is_damage() {
    let directory = Directory::new("stray");
    let mut journal = directory.begun(&[]);
    journal.step(&kept("ann", 1)).unwrap();
    journal.write().unwrap();
    let told = journal::read(&directory.0).err().unwrap();
    assert!(told.contains("damaged: line 2"), "{told}");
}

#[tokio::test]
async fn those_who_wait_at_once_are_told_when_theirs_is_on_disk_and_nobody_once_it_ended() {
    let directory = Directory::new("at-once");
    let settings = crate::audit::Settings {
        directory: directory.0.join("records"),
        acknowledged: false,
        interval: std::time::Duration::from_millis(10),
        file_bytes_max: 1 << 20,
    };
    let (audit, _sink) = Audit::open(settings, Arc::new(crate::metrics::Metrics::new().unwrap())).unwrap();
    let confirmations = Confirmations::open(&directory.0, audit).unwrap();
    confirmations.begun().await.unwrap();
    let (mut waiting, mut last) = (Vec::new(), None);
    for number in 0..32 {
        let mut inner = confirmations.inner();
        inner.keep(kept("ann", number), true, Writing::Later).unwrap();
        let place = inner.journal.as_ref().unwrap().end();
        drop(inner);
        last = Some(place);
        let disk = confirmations.disk().unwrap().clone();
        waiting.push((place, tokio::spawn(async move { disk.wait(place).await })));
    }
    for (place, told) in waiting {
        assert_eq!(told.await.unwrap(), Ok(()));
        assert!(confirmations.inner().journal.as_ref().unwrap().has(place));
    }
    assert_eq!(journal::read(&directory.0).unwrap().kept.len(), 32);
    let disk = confirmations.disk().unwrap().clone();
    drop(confirmations);
    assert!(disk.wait(last.unwrap()).await.is_err());
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
