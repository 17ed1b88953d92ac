//! TLS and HTTP/2, by a client that speaks both.
use crate::support::*;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

type Http2 = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts what `server.pem` is now.
fn client(gateway: &Gateway) -> Http2 {
    let trust = portcullis::tls::client_config(Some(&gateway.directory.join("server.pem"))).unwrap();
    let connector =
        hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(trust).https_only().enable_http2().build();
    Client::builder(TokioExecutor::new()).http2_only(true).build(connector)
}

/// The status and body of one call, or why there is none.
async fn call(client: &Http2, gateway: &Gateway, token: Option<&str>) -> Result<(u16, String), String> {
    let request =
        modern(token.unwrap_or_default(), "tools/call", &json!({"name":"find_customer","arguments":{"id":"1"}}));
    let mut builder = http::Request::post(format!("https://localhost:{}/crm/mcp", gateway.port));
    for (name, value) in request.headers.iter().filter(|(name, _)| token.is_some() || name != "authorization") {
        builder = builder.header(name, value);
    }
    let response =
        client.request(builder.body(Full::from(request.body)).unwrap()).await.map_err(|e| format!("{e:?}"))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|e| format!("{e:?}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_refusal_before_the_body_was_read_reaches_an_http2_client() {
    let gateway = Gateway::with_tls();
    block_on(async {
        for _ in 0..200 {
            // A connection of its own each time: curl lost some of these while refused bodies were not drained.
            let (status, body) = call(&client(&gateway), &gateway, None).await.unwrap();
            assert_eq!(status, 401);
            assert!(body.contains("-31401"), "{body}");
        }
        let (status, _) = call(&client(&gateway), &gateway, Some(&gateway.token("ann", "crm.read"))).await.unwrap();
        assert_eq!(status, 200);
    });
    assert_eq!(gateway.upstream.seen().len(), 1);
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_open_connections_live_on() {
    let gateway = Gateway::with_tls();
    let token = gateway.token("ann", "crm.read");
    block_on(async {
        let before = client(&gateway);
        assert_eq!(call(&before, &gateway, Some(&token)).await.unwrap().0, 200);
        gateway.certify();
        let mut after = Err("never tried".to_owned());
        for _ in 0..100 {
            after = call(&client(&gateway), &gateway, Some(&token)).await;
            if after.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(after.unwrap().0, 200, "a client that trusts only the new certificate");
        assert_eq!(call(&before, &gateway, Some(&token)).await.unwrap().0, 200, "the connection that was open");
    });
}
