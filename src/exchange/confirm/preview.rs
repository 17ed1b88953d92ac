//! What a held call would do, as the policy has it told: a sentence, or what a server says to a call that changes nothing.
use crate::exchange::{Gateway, observed, receive_preview};
use crate::kernel;
use crate::kernel::confirm::hold::Unconfirmed;
use crate::kernel::confirm::summary::{PREVIEW_MAX, plain};
use crate::kernel::refusal::{Reason, Refusal};
use crate::sessions::Session;
use std::sync::Arc;

/// Makes it; `None` if the policy wants none.
pub async fn of(
    gateway: &Gateway,
    held: &Unconfirmed,
    session: Option<&Arc<Session>>,
) -> Result<Option<String>, Refusal> {
    if let Some(sentence) = held.sentence() {
        return Ok(Some(sentence));
    }
    if held.concern().is_some() {
        // What speaks against the call speaks against its preview: both send the arguments out.
        return Ok(None);
    }
    let server = held.server();
    let facts = observed(gateway, server, held.message(), gateway.facts()).await?;
    let Some(permitted) = held.preview(&facts) else { return Ok(None) };
    let permitted = permitted?;
    let unavailable = |what: String| Refusal::from(Reason::PreviewUnavailable).detail(what);
    let _counted = gateway.meter.charge(&permitted)?;
    let text = receive_preview(gateway, permitted, session).await;
    let text = text.map_err(|refusal| unavailable(format!("{}: {}", refusal.reason.name(), refusal.detail)))?;
    let document = kernel::json::Document::parse(text, &kernel::json::Bounds::default())
        .map_err(|_| unavailable("not JSON".to_owned()))?;
    let result = document.root().get("result").ok_or_else(|| unavailable("an error".to_owned()))?;
    if result.get("isError").is_some_and(|error| error.raw() == b"true") {
        return Err(unavailable("the server says that it failed".to_owned()));
    }
    if let Some(structured) = result.get("structuredContent")
        && let Some(comparison) = held.comparison(structured)
    {
        return Ok(Some(comparison));
    }
    let blocks = result.get("content").into_iter().flat_map(|content| content.elements());
    let texts: Vec<String> =
        blocks.filter_map(|block| block.get("text")?.as_str().map(|text| text.into_owned())).collect();
    Ok(Some(plain(&texts.join("\n"), PREVIEW_MAX)))
}
