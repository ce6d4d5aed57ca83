//! What shows and changes the local cloud itself while it is up: `http://shipway.local/inventory`,
//! `/faults` and `/head`.
//!
//! It is behind the password of the proxy like everything else, and not in the request log:
//! nothing of Azure is asked.

use super::context::Proxy;
use super::response::refusal;
use crate::local::faults::{FaultRule, FaultState};
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The host by which clients of the proxy ask for it.
pub const HOST: &str = "shipway.local";
/// The path of the faults. GET lists those that are left, POST adds some, DELETE removes all
/// and answers with those that were left.
pub const FAULTS: &str = "/faults";

/// The path of the head of the simulated pull request. PUT moves it.
pub const HEAD: &str = "/head";
/// The path of what the cloud holds. GET answers with an [`Inventory`](crate::local::Inventory).
pub const INVENTORY: &str = "/inventory";

const MAX_BODY_BYTES: usize = 64 * 1024;

/// The body of a POST.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AddedFaults {
    pub rules: Vec<FaultRule>,
}

/// The body of a PUT.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PullRequestHead {
    pub commit: String,
}

/// The body of each answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FaultList {
    pub faults: Vec<FaultState>,
}

pub async fn answer(proxy: &Proxy, request: Request<Incoming>) -> Response<Body> {
    let faults = &proxy.services.faults;
    if (request.method(), request.uri().path()) == (&Method::GET, INVENTORY) {
        return json(&(proxy.inventory)().await);
    }
    if (request.method(), request.uri().path()) == (&Method::PUT, HEAD) {
        return match read::<PullRequestHead>(request).await {
            Ok(head) => {
                proxy.services.pull_request.push(&head.commit);
                json(&head)
            }
            Err(why) => refusal(StatusCode::BAD_REQUEST, &why),
        };
    }
    let faults = match (request.method(), request.uri().path()) {
        (&Method::GET, FAULTS) => faults.left(),
        (&Method::DELETE, FAULTS) => faults.clear(),
        (&Method::POST, FAULTS) => match read::<AddedFaults>(request).await {
            Ok(added) => {
                faults.add(&added.rules);
                faults.left()
            }
            Err(why) => return refusal(StatusCode::BAD_REQUEST, &why),
        },
        _ => {
            let text = "the local cloud has an inventory, faults and a head, and no more";
            return refusal(StatusCode::NOT_FOUND, text);
        }
    };
    json(&FaultList { faults })
}

fn json(value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, String> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
