//! The clients of registries and of Azure.

use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::layout::secrets_of;
use crate::cli::session::plan_reader::plan_reader;
use crate::cli::session::retries::retries;
use crate::cli::session::secrets::{self, SecretAccess, SecretSources};
use crate::plan::PlanKeys as _;
use crate::resolve::with_secrets;
use crate::run::outcome::StepError;
use crate::run::perform::{Clients, ClientsConfig};

/// The clients, signed in as the plan says.
pub async fn clients(
    session: &PlanSession,
    connections: &Connections,
) -> Result<Clients, StepError> {
    let mut names: Vec<String> = session
        .plan
        .registries
        .iter()
        .flat_map(|(_, registry)| secrets_of(registry.templates()))
        .collect();
    names.sort();
    names.dedup();
    let sources = SecretSources::of_environment(session);
    let retries = retries(&session.redactor);
    let access = SecretAccess { connections, sources: &sources, retries: &retries };
    let secrets = secrets::read(session, &names, access).await;
    // This command shows one error; the first of several names a secret to mend.
    let secrets = secrets.map_err(|mut errors| errors.swap_remove(0))?.secrets;
    let scope = with_secrets(session.scope.clone(), &session.plan, &secrets)?;
    let read_file = plan_reader(&session.file, &session.host);
    let clients = Clients::make(ClientsConfig {
        http: &connections.http,
        credential: &connections.credential,
        endpoints: &connections.endpoints,
        redactor: &session.redactor,
        plan: &session.plan,
        read_file: &read_file,
        scope: &scope,
        environment: &session.host.env,
        local: session.options.cloud.is_some(),
        uses_stored_logins: true,
        anonymous: session.withholds,
        subscription: connections.subscription.as_deref(),
        // What runs learned about registries serves pushes only.
        memory: None,
        retries: &retries,
        signers: &connections.signers,
    });
    clients.await
}
