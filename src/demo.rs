//! `portcullis demo`: the real gateway on loopback, with a small CRM behind it and a token issuer
//! beside it, and a tour of what it allows, refuses and records.
mod crm;
mod issuer;
mod tour;

use crate::app;
use crate::clock;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Where everything of the demo is.
pub(crate) struct Place {
    pub directory: PathBuf,
    pub gateway: SocketAddr,
    pub admin: SocketAddr,
}

impl Place {
    fn url(&self) -> String {
        format!("https://localhost:{}", self.gateway.port())
    }

    fn endpoint(&self) -> String {
        format!("{}/crm/mcp", self.url())
    }
}

/// The CRM's own credential, which only the gateway knows.
static CRM_TOKEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

fn environment(name: &str) -> Option<String> {
    (name == "CRM_TOKEN").then(|| CRM_TOKEN.get_or_init(clock::random_token::<24>).clone())
}

/// Runs the demo; with `once`, takes the tour and exits 0 only if every step ended as told.
pub async fn run(once: bool, directory: PathBuf) -> ExitCode {
    match start(once, directory).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(once: bool, directory: PathBuf) -> Result<ExitCode, String> {
    let say = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let (crm_socket, crm_address) = listener().await?;
    let (issuer_socket, issuer_address) = listener().await?;
    let (gateway, admin) = (free_port().await?, free_port().await?);
    let secret = environment("CRM_TOKEN").unwrap_or_default();
    let crm = crm::Crm::new(secret);
    tokio::spawn(crm::serve(crm_socket, crm.clone()));
    let issuer = issuer::Issuer::new(format!("http://{issuer_address}"))?;
    tokio::spawn(issuer::serve(issuer_socket, issuer.clone()));
    // Each run has records of its own, so that the tour can read back exactly what it caused.
    let _ = std::fs::remove_dir_all(directory.join("audit"));
    std::fs::create_dir_all(directory.join("policies")).map_err(say("demo directory"))?;
    let directory = std::fs::canonicalize(&directory).map_err(say("demo directory"))?;
    let place = Place { directory, gateway, admin };
    write_files(&place, crm_address, issuer.url()).map_err(say("demo files"))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let config = place.directory.join("gateway.yaml");
    let running = tokio::spawn(app::run(config, &environment, async move {
        let _ = stopped.await;
    }));
    wait_until_ready(&place, &running).await?;
    if !once {
        tour::print_guide(&place, &issuer);
        let _ = tokio::signal::ctrl_c().await;
    }
    let passed = if once { tour::take(&place, &issuer, &crm).await? } else { true };
    let _ = stop.send(());
    match running.await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => return Err(format!("the gateway stopped: {failure:?}")),
        Err(error) => return Err(error.to_string()),
    }
    let recorded = if once { tour::read_back(&place)? } else { true };
    Ok(if passed && recorded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn listener() -> Result<(TcpListener, SocketAddr), String> {
    let socket = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    let address = socket.local_addr().map_err(|e| e.to_string())?;
    Ok((socket, address))
}

async fn free_port() -> Result<SocketAddr, String> {
    Ok(listener().await?.1)
}

fn write_files(place: &Place, crm: SocketAddr, issuer: &str) -> std::io::Result<()> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let certified = certified.map_err(std::io::Error::other)?;
    let file = |name: &str| place.directory.join(name);
    std::fs::write(file("server.pem"), certified.cert.pem())?;
    write_private(&file("server.key"), &certified.signing_key.serialize_pem())?;
    std::fs::write(
        file("gateway.yaml"),
        format!(
            "public_url: {}\nlisten:\n  - address: {}\n    tls: {{ certificate: server.pem, key: server.key }}\nissuers:\n  demo: {{ issuer: \"{issuer}\", jwks: \"{issuer}/jwks.json\", algorithms: [ES256] }}\nadmin: {{ address: {} }}\naudit: {{ directory: audit }}\npolicies: policies\n",
            place.url(),
            place.gateway,
            place.admin,
        ),
    )?;
    std::fs::write(
        file("policies/crm.yaml"),
        format!(
            "# The policy of the demo. Edit it while the demo runs: it takes effect without a restart.\nserver: crm\nupstream:\n  url: http://{crm}/mcp\n  credential: {{ bearer: {{ env: CRM_TOKEN }} }}\naccess:\n  issuers: [demo]\n  audience: {}\nroles:\n  support: {{ claim: groups, any: [support, support-leads] }}\ntools:\n  find_customer:   {{ effect: read,  scopes: [crm.read] }}\n  update_customer: {{ effect: write, scopes: [crm.write], roles: [support] }}\n  delete_customer: {{ effect: destructive, scopes: [crm.write, crm.admin] }}\n  export_customers: {{ effect: egress, scopes: [crm.export], when: 'args.region == principal.claims.region' }}\nlimits:\n  - {{ per: subject, rate: 600/min }}\n  - {{ per: subject, tools: [export_customers], rate: 5/hour }}\n",
            place.endpoint(),
        ),
    )
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

async fn wait_until_ready(
    place: &Place,
    running: &tokio::task::JoinHandle<Result<(), app::Failure>>,
) -> Result<(), String> {
    for _ in 0..200 {
        if running.is_finished() {
            return Err("the gateway did not start; see above".to_owned());
        }
        if tokio::net::TcpStream::connect(place.gateway).await.is_ok()
            && tokio::net::TcpStream::connect(place.admin).await.is_ok()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Err("the gateway did not become ready".to_owned())
}
