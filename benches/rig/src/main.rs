//! The rig: everything the benchmark needs beside the product and wrk.
//!
//! It exists so that one `cargo build` gives every process of a run, and so
//! that the baseline is built from the same crates as the product. All
//! processes are single-threaded: each is pinned to one core anyway.

mod bare;
mod idle;
mod keys;
mod stub;
mod tls;

type Error = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage:
  rig stub PORT                                  MCP upstream, HTTP/1.1
  rig bare LISTEN UPSTREAM [--cert F --key F]    plain pass-through proxy, the baseline
  rig keys DIR PORT                              certificate, JWKS and token for https://localhost:PORT
  rig idle URL N REQUEST [--ca F]                hold N idle SSE streams until stdin closes";

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["stub", port] => block_on(stub::run(port.parse()?)),
        ["bare", listen, upstream] => block_on(bare::run(listen, upstream, None)),
        ["bare", listen, upstream, "--cert", cert, "--key", key] => {
            block_on(bare::run(listen, upstream, Some(tls::acceptor(cert, key)?)))
        }
        ["keys", dir, port] => keys::write(dir.as_ref(), port.parse()?),
        ["idle", url, n, request] => block_on(idle::run(url, n.parse()?, request, None)),
        ["idle", url, n, request, "--ca", ca] => {
            block_on(idle::run(url, n.parse()?, request, Some(tls::connector(ca)?)))
        }
        _ => Err(USAGE.into()),
    }
}

fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
