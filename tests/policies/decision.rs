//! Properties of the decision over random policies, callers and calls.
use super::oracle::*;
use portcullis::kernel::policy::flaw::Check;
use proptest::prelude::*;
use serde_json::Value;

/// The policy, unless it has flaws that random policies may have.
fn server(source: &Value) -> Option<portcullis::kernel::policy::compile::ServerPolicy> {
    let compiled = compiled(source);
    if compiled.policy.is_none() {
        let expected = [Check::PatternsTied, Check::RuleShadowed, Check::AnonymousBeyondRead];
        let severe = compiled.flaws.iter().filter(|f| f.check.severity().name() == "error");
        for flaw in severe {
            assert!(expected.contains(&flaw.check), "{flaw:?} in {source}");
        }
    }
    compiled.policy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn authorize_agrees_with_the_oracle_for_calls_and_for_listings(
        source in policy(), who in caller(), tool in "[ab]{1,3}", args in arguments(),
    ) {
        let Some(server) = server(&source) else { return Err(TestCaseError::reject("flaws")) };
        prop_assert_eq!(server.tools.count(), source["tools"].as_object().unwrap().len(), "as many rules out as in");
        let called = allowed(&server, &who, &tool, Some(&args));
        let listed = allowed(&server, &who, &tool, None);
        prop_assert_eq!(called, oracle(&source, &who, &tool, Some(&args)), "called");
        prop_assert_eq!(listed, oracle(&source, &who, &tool, None), "listed");
        prop_assert!(listed || !called, "hidden means refused");
    }

    #[test]
    fn adding_a_denial_never_allows(
        source in policy(), more in denial(), who in caller(), tool in "[ab]{1,3}", args in arguments(),
    ) {
        let mut stricter = source.clone();
        stricter["deny"].as_array_mut().unwrap().push(more);
        let (Some(before), Some(after)) = (server(&source), server(&stricter)) else {
            return Err(TestCaseError::reject("flaws"));
        };
        for args in [Some(&args), None] {
            prop_assert!(allowed(&before, &who, &tool, args) || !allowed(&after, &who, &tool, args));
        }
    }

    #[test]
    fn removing_a_rule_allows_only_what_another_rule_allows_by_itself(
        source in policy(), at in any::<prop::sample::Index>(), who in caller(), tool in "[ab]{1,3}", args in arguments(),
    ) {
        let tools = source["tools"].as_object().unwrap();
        prop_assume!(!tools.is_empty());
        let gone = tools.keys().nth(at.index(tools.len())).unwrap().clone();
        let mut fewer = source.clone();
        fewer["tools"].as_object_mut().unwrap().remove(&gone);
        let (Some(before), Some(after)) = (server(&source), server(&fewer)) else {
            return Err(TestCaseError::reject("flaws"));
        };
        if allowed(&after, &who, &tool, Some(&args)) && !allowed(&before, &who, &tool, Some(&args)) {
            let alone = tools.keys().filter(|key| **key != gone).any(|key| {
                let mut one = fewer.clone();
                one["tools"].as_object_mut().unwrap().retain(|other, _| other == key);
                oracle(&one, &who, &tool, Some(&args))
            });
            prop_assert!(alone);
        }
    }

    #[test]
    fn fewer_scopes_and_roles_never_allow_more(
        source in policy(), who in caller(), tool in "[ab]{1,3}", args in arguments(),
    ) {
        let Some(server) = server(&source) else { return Err(TestCaseError::reject("flaws")) };
        // Denials may ask for a role: only without them is every role a gain.
        prop_assume!(source["deny"].as_array().unwrap().iter().all(|deny| deny["roles"].is_null()));
        let mut poorer = who.clone();
        poorer.scopes = poorer.scopes.into_iter().skip(1).collect();
        poorer.groups = poorer.groups.into_iter().skip(1).collect();
        prop_assert!(allowed(&server, &who, &tool, Some(&args)) || !allowed(&server, &poorer, &tool, Some(&args)));
    }

    #[test]
    fn the_order_in_which_denials_are_written_does_not_matter(
        source in policy(), who in caller(), tool in "[ab]{1,3}", args in arguments(),
    ) {
        let mut other = source.clone();
        other["deny"].as_array_mut().unwrap().reverse();
        let (Some(one), Some(two)) = (server(&source), server(&other)) else {
            return Err(TestCaseError::reject("flaws"));
        };
        prop_assert_eq!(allowed(&one, &who, &tool, Some(&args)), allowed(&two, &who, &tool, Some(&args)));
    }
}
