//! A policy is reloaded into a gateway that is serving: a bad one must be a list of flaws, never a
//! panic, an overflowing stack or an endless loop.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portcullis::kernel;
use portcullis::kernel::facts::Facts;
use portcullis::kernel::policy::compile::{Position, Surroundings, compile};
use portcullis::kernel::policy::condition::{Condition, Scope};
use portcullis::kernel::policy::source::PolicySource;
use portcullis::kernel::principal::{Principal, Verified};
use portcullis_fuzz::{catch_overflows, parse};
use serde_json::{Value, json};

// Private in the gateway, as it should be; but arbitrary text meets it before it meets serde.
#[path = "../../../src/config/yaml.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod yaml;

fn judge(condition: &Condition) {
    let principal = Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".into(),
        subject: "s".into(),
        client: None,
        audiences: Vec::new(),
        scopes: ["a".to_owned()].into(),
        expires: u64::MAX,
        claims: json!({"region": "eu", "groups": ["x"]}),
    });
    let args = parse(br#"{"n":1,"ids":[1,2,3],"region":"eu","x":{"y":null}}"#).unwrap();
    for args in [Some(args.root()), None] {
        let facts = Facts::at(1_800_000_000);
        let _ = condition.holds(&Scope { principal: &principal, args, name: "t", effect: "read", facts: &facts });
    }
}

fn policy(value: Value, locate: &dyn Fn(&str) -> Position) {
    let Ok(source) = serde_json::from_value::<PolicySource>(value) else { return };
    let written = source.tools.len();
    if let Some(server) = compile(source, &Surroundings::new(&["corp".to_owned()], "https://gw.example"), locate).policy
    {
        assert_eq!(server.tools.count(), written, "as many rules come out as went in");
    }
}

fuzz_target!(
    init: {
        // The fuzzer's hook aborts on every panic, also on those of the CEL library that the gateway
        // catches. Without it only a panic that gets out is a crash.
        drop(std::panic::take_hook());
        catch_overflows();
    },
    |data: &[u8]| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        if let Ok(condition) = Condition::compile(text, None) {
            judge(&condition);
        }
        if let Ok(value) = serde_json::from_str(text) {
            policy(value, &|_| Position::default());
        }
        if let Ok(yaml::Yaml { value, positions, .. }) = yaml::parse(text) {
            policy(value, &|pointer| {
                let (line, column) = positions.get(pointer).copied().unwrap_or_default();
                Position { file: String::new(), line, column }
            });
        }
    }
);
