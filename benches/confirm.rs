//! What confirmations cost: a read where other tools are confirmed, as a ratio to the same policy without them; and the
//! CPU of a confirmed write beyond the same call under a policy that asks nobody, from the question to the last record,
//! the file included. `cargo bench --bench confirm`.
use portcullis::audit::{Audit, Settings};
use portcullis::config::load::load;
use portcullis::confirmations::{Around, Confirmations, Wanted, Who};
use portcullis::kernel::confirm::{Mode, seal, summary};
use portcullis::kernel::facts::Facts;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::mcp::decode::{Message, decode};
use portcullis::kernel::policy::compile::ServerPolicy;
use portcullis::kernel::policy::decide::{Decision, decide};
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::snapshot::Snapshot;
use portcullis::metrics::Metrics;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 25;
const READS: usize = 20_000;
const WRITES: usize = 192;
/// Callers that confirm at once.
const CALLERS: usize = 32;

type World = (Arc<Snapshot>, Arc<ServerPolicy>);
type Failure = Box<dyn std::error::Error>;

fn loaded(directory: &Path, confirms: bool) -> Result<World, Failure> {
    let confirm = if confirms { ", confirm: [elicit]" } else { "" };
    let section = "confirmations: { budget: { per: subject, prompts: 10000/hour } }\n";
    let policy = format!(
        "server: crm\nupstream: {{ url: 'http://127.0.0.1:1/mcp' }}\naccess: {{ issuers: [corp], audience: x }}\ntools:\n  \
         find_customer: {{ effect: read, scopes: [crm.read] }}\n  \
         update_customer: {{ effect: write, scopes: [crm.write]{confirm} }}\n{}",
        if confirms { section } else { "" },
    );
    let gateway = "public_url: https://x.example\nlisten: [{ address: '127.0.0.1:1' }]\n\
        issuers: { corp: { issuer: https://login.example.com } }\nadmin: { address: '127.0.0.1:2' }\n\
        audit: { directory: audit }\npolicies: policies\n";
    std::fs::create_dir_all(directory.join("policies"))?;
    std::fs::write(directory.join("gateway.yaml"), gateway)?;
    std::fs::write(directory.join("policies/crm.yaml"), policy)?;
    let loaded = load(&directory.join("gateway.yaml"), &|_| None)
        .map_err(|problems| problems.iter().map(|p| format!("{p}\n")).collect::<String>())?;
    let server = loaded.snapshot.servers.get("crm").cloned().ok_or("no server")?;
    Ok((loaded.snapshot, server))
}

/// A call of 1 KiB.
fn call(world: &World, tool: &str, number: usize) -> Result<Message, Failure> {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{meta},"name":"{tool}","arguments":{{"id":{number},"note":"{}"}}}}}}"#,
        "x".repeat(700)
    );
    let headers = HeaderFacts {
        protocol_version: Some("2026-07-28".to_owned()),
        method: Some("tools/call".to_owned()),
        name: Some(tool.to_owned()),
        ..HeaderFacts::default()
    };
    let inbound = Inbound { verb: Verb::Post, headers, body: body.into() };
    decode(inbound, None, &world.0.limits.request).map_err(|refusal| format!("{:?}", refusal.reason).into())
}

/// Nanoseconds from the bytes of a read to its verdict.
fn reads(world: &World, principal: &Arc<Principal>) -> Result<f64, Failure> {
    let begun = Instant::now();
    for number in 0..READS {
        let message = call(world, "find_customer", number)?;
        let _ = black_box(decide(&world.0, &world.1, principal, message, &Facts::at(1)));
    }
    Ok(begun.elapsed().as_nanos() as f64 / READS as f64)
}

/// Nanoseconds that all threads of this process were on a processor.
fn on_cpu() -> Result<u64, Failure> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end meanwhile.
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// One confirmed write: asked, answered with yes, used, done. What is sent and received is not in it.
async fn confirmed(
    confirmations: &Arc<Confirmations>,
    world: &World,
    principal: &Arc<Principal>,
    number: usize,
) -> Result<(), Failure> {
    let around = Around { server: world.1.clone(), principal: Some(principal.clone()) };
    let hold = || -> Result<_, Failure> {
        match decide(&world.0, &world.1, principal, call(world, "update_customer", number)?, &Facts::at(1)) {
            Decision::Confirm(held) => Ok(held),
            _ => Err("it is not confirmed".into()),
        }
    };
    let told = |refusal: portcullis::kernel::refusal::Refusal| format!("{:?}: {}", refusal.reason, refusal.detail);
    // The first round trip: the question.
    let held = hold()?;
    confirmations.find(held.call(), &around);
    let wanted = Wanted {
        call: held.call().clone(),
        mode: Mode::Elicit,
        lines: held.lines(),
        preview: None,
        rechecked: false,
        batch: None,
        like: None,
        prompts: true,
    };
    let kept = confirmations.propose(wanted, &around).await.map_err(told)?;
    let id = kept.confirmation.id().to_owned();
    black_box(summary::text(held.call(), &kept.question.lines, None));
    let sealed = confirmations.key().seal(&seal::State { id, round: 0, theirs: None });
    // The second: the answer, and the call.
    let held = hold()?;
    let state = confirmations.key().open(&sealed).ok_or("it does not open")?;
    let who = Who::Client { subject: held.call().subject, client: held.call().client };
    let in_force = (held.call().policy, Some(held.call().contract));
    confirmations.answer(&state.id, (true, 1), &who, in_force, &around).await.map_err(told)?;
    let spent = confirmations.spend(&state.id, (held.call(), None), &around).await.map_err(told)?;
    black_box(held.release(spent, None, confirmations.key()).map_err(told)?);
    confirmations.outcome(&state.id, around).done(true);
    Ok(())
}

/// Microseconds of CPU of what one caller cannot do without: the question and the use written to a file that has room
/// for them, and a sync.
fn floor(directory: &Path) -> Result<f64, Failure> {
    let file = std::fs::File::create(directory.join("floor"))?;
    let (question, used) = (vec![b'x'; 1700], vec![b'x'; 500]);
    let both = question.len() + used.len();
    file.write_all_at(&vec![0; WRITES * both], 0)?;
    file.sync_all()?;
    let before = on_cpu()?;
    for number in 0..WRITES {
        file.write_all_at(&question, (number * both) as u64)?;
        file.write_all_at(&used, (number * both + question.len()) as u64)?;
        file.sync_data()?;
    }
    Ok((on_cpu()? - before) as f64 / 1000.0 / WRITES as f64)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Failure> {
    let directory = std::env::temp_dir().join(format!("portcullis-bench-confirm-{}", std::process::id()));
    let (plain, asking) = (loaded(&directory, false)?, loaded(&directory, true)?);
    let principal = Arc::new(Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".to_owned(),
        subject: "s".to_owned(),
        client: Some("app".to_owned()),
        audiences: vec!["x".to_owned()],
        scopes: ["crm.read".to_owned(), "crm.write".to_owned()].into(),
        expires: u64::MAX,
        claims: serde_json::json!({}),
    }));
    let mut ratios = Vec::new();
    let mut nanoseconds = Vec::new();
    for round in 0..ROUNDS {
        // Taken in turn, so that what disturbs one disturbs the other.
        let (first, second) = if round % 2 == 0 { (&plain, &asking) } else { (&asking, &plain) };
        let (one, other) = (reads(first, &principal)?, reads(second, &principal)?);
        let (without, with) = if round % 2 == 0 { (one, other) } else { (other, one) };
        ratios.push(with / without);
        nanoseconds.push(with);
    }
    println!(
        "a read, bytes to verdict: {:.2} us where other tools are confirmed, {:.3} times as long as where none is",
        median(&mut nanoseconds) / 1000.0,
        median(&mut ratios)
    );

    let audit = directory.join("audit");
    std::fs::create_dir_all(&audit)?;
    let settings = Settings {
        directory: audit.clone(),
        acknowledged: false,
        interval: Duration::from_millis(100),
        file_bytes_max: 64 << 20,
    };
    let (audit_log, _writer) = Audit::open(settings, Arc::new(Metrics::new()?))?;
    let confirmations = Confirmations::open(&audit, audit_log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut least = Vec::new();
    let mut costs = [1, CALLERS].map(|callers| (callers, Vec::new(), Vec::new()));
    let mut number = 0;
    for _ in 0..ROUNDS {
        least.push(floor(&audit)?);
        for (callers, cpu, elapsed) in &mut costs {
            let (before, begun) = (on_cpu()?, Instant::now());
            runtime.block_on(async {
                for _ in 0..WRITES / *callers {
                    let calls = (number..number + *callers).map(|n| confirmed(&confirmations, &asking, &principal, n));
                    number += *callers;
                    futures_util::future::try_join_all(calls).await?;
                }
                Ok::<(), Failure>(())
            })?;
            elapsed.push(begun.elapsed().as_micros() as f64 / WRITES as f64);
            cpu.push((on_cpu()? - before) as f64 / 1000.0 / WRITES as f64);
        }
    }
    for (callers, cpu, elapsed) in &mut costs {
        let (cpu, elapsed) = (median(cpu), median(elapsed));
        println!("a confirmed write, {callers} at once: {cpu:.0} us of CPU, {elapsed:.0} us in all");
    }
    println!("two writes and a sync alone: {:.0} us of CPU", median(&mut least));
    let _ = std::fs::remove_dir_all(&directory);
    Ok(())
}
