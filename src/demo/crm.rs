//! The demo's tool server: a small CRM that speaks 2026-07-28 and believes whatever it is told, as
//! connectors do. It counts what reaches it, so that the tour can show that a refusal reached nobody.
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// The CRM's state.
#[derive(Clone)]
pub struct Crm {
    secret: Arc<str>,
    customers: Arc<Mutex<Vec<Value>>>,
    calls: Arc<AtomicUsize>,
}

impl Crm {
    /// Three customers; `secret` is what callers must present.
    pub fn new(secret: String) -> Self {
        let customers = vec![
            json!({ "id": "41", "name": "Ada Lovelace", "region": "eu", "email": "ada@example.com", "card": "4111 1111 1111 1111" }),
            json!({ "id": "42", "name": "Grace Hopper", "region": "us", "email": "grace@example.com", "card": "5500 0055 5555 5559" }),
            json!({ "id": "43", "name": "Alan Turing", "region": "eu", "email": "alan@example.com", "card": "3400 000000 00009" }),
        ];
        Self { secret: secret.into(), customers: Arc::new(Mutex::new(customers)), calls: Arc::default() }
    }

    /// How many tool calls reached it.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn call(&self, name: &str, args: &Value) -> Result<Value, &'static str> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |customer: &Value| customer.get("id") == args.get("id");
        match name {
            "find_customer" => customers.iter().find(|c| wanted(c)).cloned().ok_or("no such customer"),
            "update_customer" => {
                let customer = customers.iter_mut().find(|c| wanted(c)).ok_or("no such customer")?;
                if let (Some(fields), Some(email)) = (customer.as_object_mut(), args.get("email")) {
                    fields.insert("email".to_owned(), email.clone());
                }
                Ok(customer.clone())
            }
            "delete_customer" => {
                let before = customers.len();
                customers.retain(|c| !wanted(c));
                Ok(json!({ "deleted": before - customers.len() }))
            }
            "export_customers" => {
                let region = args.get("region");
                Ok(json!({ "exported": customers.iter().filter(|c| c.get("region") == region).count() }))
            }
            _ => Err("no such tool"),
        }
    }

    fn answer(&self, message: &Value) -> Value {
        let params = message.get("params").cloned().unwrap_or_default();
        let id = message.get("id").cloned().unwrap_or_default();
        let result = match message.get("method").and_then(Value::as_str) {
            Some("server/discover") => json!({
                "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
                "ttlMs": 0, "cacheScope": "private",
            }),
            Some("tools/list") => {
                json!({ "tools": tools(), "ttlMs": 60000, "cacheScope": "public" })
            }
            Some("tools/call") => {
                let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
                match self.call(name, params.get("arguments").unwrap_or(&Value::Null)) {
                    Ok(found) => json!({
                        "content": [{ "type": "text", "text": found.to_string() }], "structuredContent": found,
                    }),
                    Err(why) => {
                        json!({ "content": [{ "type": "text", "text": why }], "isError": true })
                    }
                }
            }
            _ => {
                return json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "Method not found" } });
            }
        };
        let mut result = result;
        if let Some(fields) = result.as_object_mut() {
            fields.insert("resultType".to_owned(), "complete".into());
        }
        json!({ "jsonrpc": "2.0", "id": id, "result": result })
    }
}

fn tools() -> Value {
    let tool = |name: &str, description: &str, property: &str| {
        json!({
            "name": name, "description": description,
            "inputSchema": { "type": "object", "properties": { property: { "type": "string" } }, "required": [property] },
        })
    };
    json!([
        tool("find_customer", "Find a customer by id.", "id"),
        tool("update_customer", "Change a customer's e-mail address.", "id"),
        tool("delete_customer", "Delete a customer.", "id"),
        tool("export_customers", "Export the customers of a region.", "region"),
    ])
}

/// Serves `/mcp`.
pub async fn serve(socket: TcpListener, crm: Crm) {
    while let Ok((stream, _)) = socket.accept().await {
        let crm = crm.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let crm = crm.clone();
            async move { Ok::<_, Infallible>(respond(&crm, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

async fn respond(crm: &Crm, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let expected = format!("Bearer {}", crm.secret);
    let known = request.headers().get("authorization").is_some_and(|value| value.as_bytes() == expected.as_bytes());
    let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let mut response = Response::new(Full::default());
    match serde_json::from_slice::<Value>(&body) {
        _ if !known => *response.status_mut() = http::StatusCode::UNAUTHORIZED,
        Ok(message) => {
            *response.body_mut() = Full::new(crm.answer(&message).to_string().into());
            response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        }
        Err(_) => *response.status_mut() = http::StatusCode::BAD_REQUEST,
    }
    response
}
