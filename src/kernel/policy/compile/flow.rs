//! `sensitivity`, `untrusted`, `output`, `hints`, `flow` and `links`.
use super::rules::{Context, Named};
use super::{SECONDS, seconds};
use crate::kernel::confirm::machine::Mode;
use crate::kernel::flow::Flow;
use crate::kernel::flow::data::{Data, Fields};
use crate::kernel::flow::links::{Links, Place};
use crate::kernel::flow::prints::{AT_LEAST_MAX, AT_LEAST_MIN};
use crate::kernel::policy::flaw::Check;
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::*;
use std::sync::Arc;

/// Longest time for which something is remembered, in seconds.
const SECONDS_MAX: u64 = 86_400;
/// Most of `ignore`, in bytes.
const IGNORE_MAX: usize = 16 << 10;

impl Context<'_> {
    /// What a tool says of its data.
    pub fn data(&mut self, at: &str, source: &ToolSource) -> Option<Arc<Data>> {
        let ToolSource { sensitivity, untrusted, output, hints, effect, .. } = source;
        let mut data = self.marks(at, sensitivity.as_deref(), *untrusted);
        data.hints.clone_from(hints);
        if sensitivity.is_some() && *effect == Effect::Egress {
            let message = "a tool that sends out is labelled as a source";
            let hint =
                "results of it are remembered as well: leave `sensitivity` out if it returns nothing of that kind";
            self.flaws.add(Check::SensitiveSink, format!("{at}/sensitivity"), message, hint);
        }
        data.output = output.as_ref().map(|OutputSource { fields, text }| {
            if fields.is_empty() {
                let hint = "name what goes on, as in fields: [/customer/name]";
                self.flaws.add(Check::FieldsMalformed, format!("{at}/output/fields"), "no field", hint);
            }
            let paths = fields.iter().enumerate().filter_map(|(index, field)| {
                let path = Fields::path(field);
                if path.is_none() {
                    let message = format!("`{field}` is no JSON pointer");
                    let hint = "as in /customer/name or /customers/*/name";
                    self.flaws.add(Check::FieldsMalformed, format!("{at}/output/fields/{index}"), message, hint);
                }
                path
            });
            Fields { paths: paths.collect(), keep_text: *text == OutputText::Keep }
        });
        (data != Data::default()).then(|| Arc::new(data))
    }

    /// What a resource or prompt says of its data.
    pub fn data_of(&mut self, at: &str, source: &RuleSource) -> Option<Arc<Data>> {
        let data = self.marks(at, source.sensitivity.as_deref(), source.untrusted);
        (data != Data::default()).then(|| Arc::new(data))
    }

    fn marks(&mut self, at: &str, sensitivity: Option<&str>, untrusted: bool) -> Data {
        let word = |text: &str| {
            (1..=40).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        if let Some(text) = sensitivity.filter(|text| !word(text)) {
            let (message, hint) = (format!("`{text}` is not a word"), "letters, digits, _ and -, as in customer");
            self.flaws.add(Check::LabelMalformed, format!("{at}/sensitivity"), message, hint);
        }
        Data { sensitivity: sensitivity.map(str::to_owned), untrusted, ..Data::default() }
    }

    /// Compiles `flow`.
    pub fn flow(&mut self, source: Option<&FlowSource>, tools: &[Named<NamePattern>], labelled: bool) -> Flow {
        let at = "/flow";
        let Some(FlowSource { remember, lasts, at_least, then, after_untrusted, confirm, ignore }) = source else {
            return Flow::default();
        };
        let default = Flow::default();
        let lasts = self
            .flaws
            .read(SECONDS, format!("{at}/for"), lasts.as_deref(), seconds, "as in 1h")
            .unwrap_or(default.seconds);
        if lasts > SECONDS_MAX {
            let (message, hint) = ("more than a day", "at most 24h: what is remembered takes memory");
            self.flaws.add(Check::FlowSize, format!("{at}/for"), message, hint);
        }
        let size = at_least.map_or(default.at_least, |size| usize::try_from(size).unwrap_or(usize::MAX));
        if !(AT_LEAST_MIN..=AT_LEAST_MAX).contains(&size) {
            let message = format!("{size} is not from {AT_LEAST_MIN} to {AT_LEAST_MAX}");
            let hint = "smaller, and strangers have it in common by chance; larger, and records are not recognised";
            self.flaws.add(Check::FlowSize, format!("{at}/at_least"), message, hint);
        }
        if ignore.iter().map(String::len).sum::<usize>() > IGNORE_MAX {
            let hint = "name what many results repeat, and no more";
            self.flaws.add(Check::FlowSize, format!("{at}/ignore"), "more than 16 KiB", hint);
        }
        if let Some(index) = confirm.iter().position(|way| *way == Mode::Host) {
            let message = "the client's own prompt does not say why";
            self.flaws.add(Check::FlowHost, format!("{at}/confirm/{index}"), message, "elicit, approver or code");
        }
        let sinks = tools.iter().any(|tool| tool.rule.effect == Some(Effect::Egress));
        if !sinks && !labelled {
            let message = "no rule has `sensitivity` or `untrusted`, and no tool says `effect: egress`";
            self.flaws.add(Check::FlowUnused, at, message, "label the tools, or remove the section");
        }
        Flow {
            remember: *remember,
            seconds: lasts.min(SECONDS_MAX),
            at_least: size.clamp(AT_LEAST_MIN, AT_LEAST_MAX),
            then: *then,
            after_untrusted: *after_untrusted,
            ways: confirm.clone(),
            ignore: ignore.clone(),
        }
    }

    /// Compiles `links`.
    pub fn links(&mut self, source: Option<&LinksSource>) -> Option<Links> {
        let LinksSource { allow, then, arguments } = source?;
        let places = allow.iter().enumerate().filter_map(|(index, text)| {
            let place = Place::parse(text);
            if place.is_none() {
                let message = format!("`{text}` is no place that links may lead to");
                let hint = "as in https://www.example.com/, https://*.example.com/ or https://example.com/docs/";
                self.flaws.add(Check::LinkMalformed, format!("/links/allow/{index}"), message, hint);
            }
            place
        });
        let places = places.collect();
        Some(Links { places, then: *then, arguments: arguments.unwrap_or(crate::kernel::flow::Then::Refuse) })
    }
}
