//! The secrets endpoints of Key Vault, with the challenge that tells where to sign in.

use super::error::VaultError;
use super::operation::VaultOperation;
use super::page::Page;
use super::request::VaultRequest;
use super::store::Vaults;
use crate::local::access::Access;
use crate::local::entra::{TokenError, Tokens, VAULT_AUDIENCES};
use crate::local::proxy::RequestHost;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Router};
use http::{Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Enough for any secret: the service allows 25 KB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The endpoints of all vaults. The host name of a request selects the vault.
pub fn router(vaults: Arc<Vaults>, tokens: Arc<Tokens>, access: Arc<Access>) -> Router {
    Router::new().fallback(answer).with_state(VaultState { vaults, tokens, access })
}

#[derive(Clone)]
struct VaultState {
    vaults: Arc<Vaults>,
    tokens: Arc<Tokens>,
    access: Arc<Access>,
}

impl VaultState {
    /// Refuses what the application may not do: by the access policies of the vault, or
    /// where it has none by role assignments. A vault has no resource group of its own here,
    /// so that the scope of a role is looked for by its end.
    fn check(&self, host: &str, operation: VaultOperation<'_>) -> Result<(), VaultError> {
        let identity = self.tokens.identity();
        let (client, object) = (&identity.client_id, &identity.object_id);
        let name = host.split('.').next().unwrap_or_default();
        let settings = self.vaults.settings(host);
        let (permission, action) = (operation.permission(), operation.action());
        if settings.policies.is_some() {
            if settings.permit(object, permission) {
                return Ok(());
            }
            return Err(VaultError::by_policy(format!(
                "The user, group or application 'appid={client};oid={object};iss=\
                 https://sts.windows.net/{}/' does not have secrets {permission} permission on key \
                 vault '{name}'. For help resolving this issue, please see \
                 https://go.microsoft.com/fwlink/?linkid=2125287",
                identity.tenant_id
            )));
        }
        if self.access.may_use_vault(object, name, action) {
            return Ok(());
        }
        Err(VaultError::by_roles(format!(
            "Caller is not authorized to perform action on resource.\nIf role assignments, deny \
             assignments or role definitions were changed recently, please observe propagation \
             time.\nCaller: appid={client};oid={object}\nAction: '{action}'\nVault: {name}"
        )))
    }
}

async fn answer(
    State(state): State<VaultState>,
    Extension(RequestHost(host)): Extension<RequestHost>,
    request: Request<Body>,
) -> Response {
    let audience = audience(&host);
    if let Err(refused) = state.tokens.check(request.headers(), &[audience]) {
        return challenge(&state.tokens, &host, audience, refused);
    }
    perform(&state, &host, request).await.unwrap_or_else(VaultError::answer)
}

async fn perform(
    state: &VaultState,
    host: &str,
    request: Request<Body>,
) -> Result<Response, VaultError> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let operation = VaultOperation::of(request.method(), &parts)?;
    state.check(host, operation)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let page = Page { host, path: &path, query: &query };
    if !query.split('&').any(|part| part.starts_with("api-version=")) {
        return Err(VaultError::bad("api-version must be specified"));
    }
    let vault = VaultRequest { vaults: &state.vaults, host };
    match operation {
        VaultOperation::List => Ok(page.answer(&vault.list())),
        VaultOperation::Versions { name } => Ok(page.answer(&vault.versions(name)?)),
        VaultOperation::Get { name, version } => vault.get(name, version),
        VaultOperation::Set { name } => vault.set(name, read(request).await?),
        VaultOperation::Update { name, version } => {
            vault.update(name, version, read(request).await?)
        }
        VaultOperation::Delete { name } => vault.delete(name),
        VaultOperation::Backup { name } => vault.backup(name),
        VaultOperation::Restore => vault.restore(&read(request).await?),
        VaultOperation::ListDeleted => Ok(page.answer(&vault.list_deleted())),
        VaultOperation::GetDeleted { name } => vault.get_deleted(name),
        VaultOperation::Recover { name } => vault.recover(name),
        VaultOperation::Purge { name } => vault.purge(name),
    }
}

async fn read<T: DeserializeOwned>(request: Request<Body>) -> Result<T, VaultError> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let bytes =
        body.map_err(|error| VaultError::bad(format!("cannot read the body: {error}")))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| VaultError::bad("Property  has invalid value\r\n"))
}

/// The audience that a token for a vault must have, which depends on the cloud.
fn audience(host: &str) -> &'static str {
    let cloud = VAULT_AUDIENCES.into_iter().find(|audience| {
        let domain = audience.trim_start_matches("https:/").replacen('/', ".", 1);
        host.ends_with(&domain)
    });
    cloud.unwrap_or(VAULT_AUDIENCES[0])
}

fn challenge(tokens: &Tokens, host: &str, audience: &str, refused: TokenError) -> Response {
    let login = match audience {
        "https://vault.usgovcloudapi.net" => "login.microsoftonline.us",
        "https://vault.azure.cn" => "login.chinacloudapi.cn",
        _ => "login.microsoftonline.com",
    };
    let tenant = &tokens.identity().tenant_id;
    let challenge =
        format!("Bearer authorization=\"https://{login}/{tenant}\", resource=\"{audience}\"");
    let message = match refused {
        TokenError::Missing => "AKV10000: Request is missing a Bearer or PoP token.".to_owned(),
        TokenError::Invalid => "[TokenExpired] Error validating token: 'S2S12086'.".to_owned(),
        TokenError::Audience => format!("AKV10022: Invalid audience. Expected {audience}."),
    };
    tracing::debug!(host, %refused, "a vault refused a token");
    let mut answer = VaultError::new(401, "Unauthorized", message).answer();
    if let Ok(challenge) = challenge.parse() {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::audience;

    #[test]
    fn the_audience_depends_on_the_cloud() {
        assert_eq!(audience("x.vault.azure.net"), "https://vault.azure.net");
        assert_eq!(audience("x.vault.usgovcloudapi.net"), "https://vault.usgovcloudapi.net");
        assert_eq!(audience("x.vault.azure.cn"), "https://vault.azure.cn");
    }
}
