//! Drives the steps of `../README.md` with the Rust SDK.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt, NotificationContext, RoleClient, RunningService,
    ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;
type Session = RunningService<RoleClient, Progress>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let report = tokio::time::timeout(Duration::from_secs(60), steps()).await??;
    println!("{report}");
    Ok(())
}

async fn steps() -> Outcome<Value> {
    let era = env::var("ERA")?;
    let lifecycle = match era.as_str() {
        "2025-11-25" => ClientLifecycleMode::Initialize,
        "2026-07-28" => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        },
        other => return Err(format!("no era `{other}`").into()),
    };
    let progress = Progress::default();
    let session = progress
        .clone()
        .serve_with_lifecycle(transport()?, lifecycle)
        .await?;

    let server = session.peer_info().ok_or("no server information")?;
    let protocol_version = server.protocol_version.to_string();
    if protocol_version != era {
        return Err(format!("agreed on {protocol_version}, wanted {era}").into());
    }
    let tools = session.list_all_tools().await?;
    let first = succeed(&session, "CALL").await?;
    succeed(&session, "PROGRESS").await?;
    let denied = be_refused(&session).await?;
    let after_denial = succeed(&session, "CALL").await?;
    session.cancel().await?;

    // Read last: a notification is handled on a task of its own, maybe after the call has returned.
    let received = progress.0.load(Ordering::SeqCst);
    if received == 0 {
        return Err("no progress arrived".into());
    }
    Ok(json!({
        "client": "rmcp 3.11.0",
        "era": era,
        "protocol_version": protocol_version,
        "server": server.server_info.as_ref().map(|info| &info.name),
        "tools": tools.iter().map(|tool| &tool.name).collect::<Vec<_>>(),
        "call": first,
        "progress": received,
        "denied": denied,
        "after_denial": after_denial,
    }))
}

/// Counts the progress notifications.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU64>);

impl ClientHandler for Progress {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn transport() -> Outcome<StreamableHttpClientTransport<reqwest::Client>> {
    // No idle connections, as in the client that the SDK makes when it is given none.
    let mut http = reqwest::Client::builder().pool_max_idle_per_host(0);
    if let Some(file) = not_empty("CA_FILE") {
        http = http.tls_certs_only(reqwest::Certificate::from_pem_bundle(&std::fs::read(
            file,
        )?)?);
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(env::var("GATEWAY_URL")?);
    if let Some(token) = not_empty("TOKEN") {
        config = config.auth_header(token);
    }
    Ok(StreamableHttpClientTransport::with_client(
        http.build()?,
        config,
    ))
}

fn not_empty(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

async fn succeed(session: &Session, variable: &str) -> Outcome<String> {
    let result = session.call_tool(request(variable)?).await?;
    match result.is_error {
        Some(true) => Err(format!("{variable} failed: {}", content(&result)).into()),
        _ => Ok(content(&result)),
    }
}

async fn be_refused(session: &Session) -> Outcome<String> {
    match session.call_tool(request("DENIED")?).await {
        Ok(result) if result.is_error == Some(true) => Ok(content(&result)),
        Ok(result) => Err(format!("DENIED was not refused: {}", content(&result)).into()),
        // A transport that has ended is not a refusal; the next step would only say so later.
        Err(ServiceError::TransportClosed) => Err("the refusal ended the session".into()),
        Err(error) => Ok(error.to_string()),
    }
}

fn request(variable: &str) -> Outcome<CallToolRequestParams> {
    Ok(serde_json::from_str(&env::var(variable)?)?)
}

fn content(result: &CallToolResult) -> String {
    let texts = result.content.iter().map(|block| match block {
        ContentBlock::Text(text) => text.text.as_str(),
        _ => "not text",
    });
    texts.collect::<Vec<_>>().join("\n")
}
