//! A [`Performer`] for tests that send no request.

use super::clients::{Clients, ClientsConfig};
use super::deploy::EarlyReads;
use super::facts::RunFacts;
use super::performer::{Job, Performer, Produced};
use super::pinned_images::PinnedImages;
use super::plan::RunPlan;
use super::retry::Retries;
use super::say::{Room, Say};
use super::services::{EarlyUploads, Services};
use super::signers::Signers;
use super::source::PlanSource;
use crate::azure::{Application, Cloud, Credential};
use crate::event::{EventKind, StepId};
use crate::http;
use crate::image;
use crate::journal::Handover;
use crate::plan::expr::Scope;
use crate::run::child::Stop;
use crate::secret::Redactor;
use crate::sigstore::TokenSource;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A performer of `plan` that keeps its files below `folder`.
pub async fn performer(plan: &str, folder: &Path) -> Performer {
    let reading = crate::plan::read(plan);
    let parsed = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
    let redactor = Redactor::default();
    let scope = Scope::new(redactor.clone());
    let http = http::Client::new(http::Settings::default()).expect("a client");
    let endpoints = Cloud::Public.endpoints();
    let application = Application {
        tenant: "tenant".to_owned(),
        client_id: "client".to_owned(),
        secret: redactor.adopt("test", "the secret of the test".to_owned()),
    };
    let credential = Credential::client_secret(&http, &redactor, &endpoints, &application)
        .expect("a credential");
    let environment = BTreeMap::new();
    let clients = Clients::make(ClientsConfig {
        http: &http,
        credential: &credential,
        endpoints: &endpoints,
        redactor: &redactor,
        plan: &parsed,
        read_file: &|_, _| Err("it is not there".to_owned()),
        scope: &scope,
        environment: &environment,
        local: true,
        uses_stored_logins: false,
        anonymous: false,
        subscription: None,
        memory: None,
        retries: &Retries::new(Arc::new(|_| ())),
        signers: &Signers { tokens: TokenSource::Elsewhere, local: None },
    })
    .await
    .expect("clients without a request");
    Performer {
        services: Services {
            clients,
            images: image::Store::open(&folder.join("images")).expect("a store"),
            http: http.clone(),
            redactor,
            early_reads: EarlyReads::default(),
            early_uploads: EarlyUploads::default(),
            pinned_images: PinnedImages::default(),
            uploads_allowed: Arc::default(),
        },
        facts: RunFacts { workspace: folder.to_owned(), ..RunFacts::default() },
        plan: RunPlan {
            parsed: Arc::new(parsed),
            source: PlanSource::default(),
            folder: folder.to_owned(),
            commit_file: None,
            scope,
            chosen: [(0, 0)].into(),
        },
    }
}

/// An attempt of the first step of the first service, and its notes.
pub fn job(performer: &Performer) -> (Job, Arc<Mutex<Vec<String>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notes);
    let job = Job {
        id: StepId { service: String::new(), step: "step".to_owned() },
        service: 0,
        place: 0,
        attempt: 1,
        handover: Handover::default(),
        replaced: None,
        in_doubt: false,
        scope: performer.plan.scope.clone(),
        stop: Stop::default(),
        say: Say::new(Room::default(), move |said| {
            if let EventKind::Noted { message, .. } = said.event {
                kept.lock().expect("no panic").push(message);
            }
        }),
        produced: Produced::default(),
        remember: None,
    };
    (job, notes)
}
