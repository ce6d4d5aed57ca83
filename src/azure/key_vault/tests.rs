//! Requests to a fake of Key Vault. The challenge, the value and the
//! 404 are as recorded; the bodies of the 403s as its own test recordings and
//! documentation have them.

use super::{KeyVault, SecretError, SecretReader, SecretRequest};
use crate::azure::Cloud;
use crate::azure::fake::{FakeAzure, ReceivedRequest, Reply, shown, token};
use crate::http::{Retry, Retryable as _};
use crate::secret::{Redactor, Secret, Source, VaultSecret};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const HOST: &str = "storefront.vault.azure.net";

fn challenge() -> Reply {
    let body = r#"{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}"#;
    Reply::new(401, body).with(
        "WWW-Authenticate",
        "Bearer authorization=\"https://login.microsoftonline.com/tenant-2\", \
         resource=\"https://vault.azure.net\"",
    )
}

fn found(value: &str, expires: Option<i64>) -> Reply {
    let mut attributes = json!({ "enabled": true, "created": 1_690_270_834 });
    if let Some(expires) = expires {
        attributes["exp"] = expires.into();
    }
    let id = format!("https://{HOST}/secrets/acr-password/14efebbad7bf49c481a9a638bc56160b");
    Reply::json(200, &json!({ "value": value, "id": id, "attributes": attributes, "tags": {} }))
}

/// A vault that replies with this to every signed-in request.
async fn vault(reply: Reply) -> FakeAzure {
    FakeAzure::start(move |asked: &ReceivedRequest| {
        if asked.to.ends_with("/oauth2/v2.0/token") {
            return token();
        }
        if asked.headers.contains_key("authorization") { reply.clone() } else { challenge() }
    })
    .await
}

fn wanted(name: &str, sources: &[Source]) -> SecretRequest {
    SecretRequest { name: name.to_owned(), sources: sources.to_vec(), is_optional: false }
}

fn in_vault(name: &str) -> Source {
    let url = format!("https://{HOST}/secrets/{name}");
    Source::KeyVault(VaultSecret::from_url(&url).expect("a reference"))
}

async fn read(
    fake: &FakeAzure,
    environment: &[(&str, &str)],
    wanted: &[SecretRequest],
) -> Result<BTreeMap<String, Secret>, Vec<SecretError>> {
    let redactor = Redactor::default();
    let endpoints = Cloud::Public.endpoints();
    let vaults = KeyVault::new(fake.client.clone(), fake.credential(&redactor), endpoints);
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let reader = SecretReader { environment: &environment, vaults: &vaults, redactor: &redactor };
    let read = join_all(wanted.iter().map(|wanted| reader.read(wanted))).await;
    let (mut secrets, mut errors) = (BTreeMap::new(), Vec::new());
    for (wanted, read) in wanted.iter().zip(read) {
        match read {
            Ok(found) => {
                let secret = found.secret;
                assert_eq!(redactor.redact(secret.expose()), "***");
                secrets.insert(wanted.name.clone(), secret);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(secrets) } else { Err(errors) }
}

async fn refused(reply: Reply) -> (String, Retry) {
    let fake = vault(reply).await;
    let errors = read(&fake, &[], &[wanted("acr", &[in_vault("acr-password")])]).await;
    let error = errors.expect_err("refused").pop().expect("an error");
    (shown(&error), error.retry())
}

fn forbidden(inner: &str, message: &str) -> Reply {
    let error = json!({ "code": "Forbidden", "message": message, "innererror": { "code": inner } });
    Reply::json(403, &json!({ "error": error }))
}

#[tokio::test]
async fn the_challenge_is_answered_with_a_token_for_vaults() {
    let fake = vault(found("pa55word", None)).await;

    let secrets =
        read(&fake, &[], &[wanted("acr", &[in_vault("acr-password")])]).await.expect("read");

    assert_eq!(secrets["acr"].expose(), "pa55word");
    assert_eq!(secrets["acr"].source(), "secrets.acr");
    let asked = fake.requests();
    let lines: Vec<String> =
        asked.iter().map(|asked| format!("{} {}", asked.method, asked.to)).collect();
    assert_eq!(
        lines,
        [
            "GET storefront.vault.azure.net/secrets/acr-password/",
            "POST login.microsoftonline.com/tenant-1/oauth2/v2.0/token",
            "GET storefront.vault.azure.net/secrets/acr-password/",
        ]
    );
    assert!(asked[1].body.contains("scope=https%3A%2F%2Fvault.azure.net%2F.default"));
}

#[tokio::test]
async fn the_first_source_with_a_value_is_used() {
    let fake = vault(found("from-vault", None)).await;
    let sources = [Source::Env("ACR_PASSWORD".into()), in_vault("acr-password")];
    let wanted = [wanted("acr", &sources)];

    let secrets = read(&fake, &[("ACR_PASSWORD", "from-env")], &wanted).await.expect("read");
    assert_eq!(secrets["acr"].expose(), "from-env");
    assert_eq!(fake.requests().len(), 0);
    let secrets = read(&fake, &[("ACR_PASSWORD", "")], &wanted).await.expect("read");
    assert_eq!(secrets["acr"].expose(), "from-vault");
}

#[tokio::test]
async fn a_file_is_read_without_the_line_break_at_its_end() {
    let fake = vault(found("from-vault", None)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (full, empty) = (folder.path().join("full"), folder.path().join("empty"));
    std::fs::write(&full, "from-file\r\n").expect("written");
    std::fs::write(&empty, "\n").expect("written");
    let of = |path: &std::path::Path| [wanted("acr", &[Source::File(path.to_owned())])];

    let secrets = read(&fake, &[], &of(&full)).await.expect("read");
    assert_eq!(secrets["acr"].expose(), "from-file");
    let errors = read(&fake, &[], &of(&empty)).await.expect_err("nothing in it");
    let text = shown(&errors[0]).replace(&folder.path().display().to_string(), "FOLDER");
    assert_eq!(
        text,
        "cannot find the secret `acr`: `FOLDER/empty` is not there, or is empty\n\
         help: set it"
    );
    let errors = read(&fake, &[], &of(folder.path())).await.expect_err("a folder");
    let text = shown(&errors[0]).replace(&folder.path().display().to_string(), "FOLDER");
    assert_eq!(
        text,
        "cannot read the secret `acr` from `FOLDER`\n  it is no file\n\
         help: let this user read it, as text in UTF-8"
    );
}

#[tokio::test]
async fn an_optional_secret_that_no_source_has_is_empty() {
    let fake = vault(found("from-vault", None)).await;
    let optional =
        SecretRequest { is_optional: true, ..wanted("acr", &[Source::Env("ACR_PASSWORD".into())]) };
    let reader = Redactor::default();
    let endpoints = Cloud::Public.endpoints();
    let vaults = KeyVault::new(fake.client.clone(), fake.credential(&reader), endpoints);
    let environment = BTreeMap::new();
    let reader = SecretReader { environment: &environment, vaults: &vaults, redactor: &reader };
    assert_eq!(reader.read(&optional).await.expect("empty").secret.expose(), "");
}

#[tokio::test]
async fn a_404_of_something_else_than_the_vault_is_no_missing_secret() {
    let fake = vault(Reply::new(404, "<html>no such page</html>")).await;
    let sources = [in_vault("acr-password"), Source::Env("ACR_PASSWORD".into())];
    let environment = [("ACR_PASSWORD", "from-env")];

    let errors = read(&fake, &environment, &[wanted("acr", &sources)]).await.expect_err("refused");
    let texts: Vec<String> = errors.iter().map(|error| shown(error)).collect();
    assert_eq!(
        texts,
        ["cannot read the secret `acr`\n  vault `storefront`, secret `acr-password`: \
          storefront.vault.azure.net answered 404: <html>no such page</html>"]
    );
}

#[tokio::test]
async fn a_missing_secret_lists_its_sources() {
    let body = r#"{"error":{"code":"SecretNotFound","message":"A secret with (name/id) x was not found in this key vault."}}"#;
    let fake = vault(Reply::new(404, body)).await;
    let sources = [Source::Env("ACR_PASSWORD".into()), in_vault("acr-password")];
    let short = wanted("pin", &[Source::Env("PIN".into())]);

    let errors =
        read(&fake, &[("PIN", "123")], &[wanted("acr", &sources), short]).await.expect_err("both");

    let texts: Vec<String> = errors.iter().map(|error| shown(error)).collect();
    assert_eq!(
        texts,
        [
            "cannot find the secret `acr`: `ACR_PASSWORD` is not set; vault `storefront` has no secret \
             `acr-password`\nhelp: set one of them",
            "the value of `secrets.pin` has fewer than 4 characters\n\
             help: masking so short a value would make logs unreadable; use a longer one",
        ]
    );
}

#[tokio::test]
async fn each_refusal_has_its_remedy() {
    let role = "grant the role with `az role assignment create --role \"Key Vault Secrets User\" \
                --assignee client-1 --scope \"$(az keyvault show --name storefront --query id \
                --output tsv)\"`; it takes effect after some minutes";
    let cases = [
        (
            "SecretDisabled",
            "Operation get is not allowed on a disabled secret",
            "enable it with `az keyvault secret set-attributes --vault-name storefront --name \
             acr-password --enabled true`",
        ),
        ("ForbiddenByRbac", "Caller is not authorized to perform action", role),
        (
            "ForbiddenByPolicy",
            "The user does not have secrets get permission",
            "grant reading secrets with `az keyvault set-policy --name storefront --spn client-1 \
             --secret-permissions get`",
        ),
        (
            "AccessDenied",
            "The policy requires the caller to have permission",
            "grant reading secrets with `az keyvault set-policy --name storefront --spn client-1 \
             --secret-permissions get`",
        ),
        (
            "ForbiddenByFirewall",
            "Client address is not authorized and caller is not a trusted service",
            "allow this machine with `az keyvault network-rule add --name storefront --ip-address \
             ADDRESS`",
        ),
    ];
    for (inner, message, help) in cases {
        let (text, retry) = refused(forbidden(inner, message)).await;
        let expected = format!(
            "cannot read the secret `acr`\n  vault `storefront`, secret `acr-password`: storefront.vault.azure.net answered 403 \
             `Forbidden`: {message}; `{inner}`\nhelp: {help}"
        );
        assert_eq!(text, expected);
        assert_eq!(retry, Retry::Never);
    }
}

#[tokio::test]
async fn an_expired_secret_is_refused_though_the_vault_serves_it() {
    let (text, _) = refused(found("pa55word", Some(1_700_000_000))).await;
    assert_eq!(
        text,
        "cannot read the secret `acr`\n  vault `storefront`: the secret `acr-password` expired at \
         2023-11-14T22:13:20Z\nhelp: store a new version, or move its end: `az keyvault secret \
         set-attributes --vault-name storefront --name acr-password --expires DATE`"
    );
}

#[tokio::test]
async fn a_vault_of_another_tenant_names_it() {
    let (text, _) = refused(challenge()).await;
    assert!(
        text.ends_with(
            "help: the vault trusts tenant `tenant-2`; set `AZURE_TENANT_ID` to it and sign in there"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_busy_vault_is_retried() {
    let (_, retry) = refused(Reply::new(429, "{}").with("Retry-After", "4")).await;
    assert_eq!(retry, Retry::After(Duration::from_secs(4)));
    let (_, retry) = refused(Reply::html(503, "busy")).await;
    assert_eq!(retry, Retry::Backoff);
}

#[tokio::test]
async fn a_challenge_for_another_host_gets_no_token() {
    let fake = FakeAzure::start(|_| {
        Reply::new(401, "{}").with(
            "WWW-Authenticate",
            "Bearer authorization=\"https://login.microsoftonline.com/t\", \
             resource=\"https://management.azure.com\"",
        )
    })
    .await;

    let errors = read(&fake, &[], &[wanted("acr", &[in_vault("acr-password")])]).await;

    let text = shown(&errors.expect_err("refused").pop().expect("an error"));
    assert!(text.starts_with(
        "cannot read the secret `acr`\n  cannot read the vault `storefront.vault.azure.net`"
    ));
    assert_eq!(fake.requests().len(), 1, "no token was requested");
}

#[tokio::test]
async fn a_host_that_is_not_a_vault_gets_no_request() {
    let fake = vault(found("pa55word", None)).await;
    let url = "https://storefront.vault.azure.net.evil.example/secrets/x";
    let source = Source::KeyVault(VaultSecret::from_url(url).expect("a reference"));

    let errors = read(&fake, &[], &[wanted("x", &[source])]).await.expect_err("refused");

    assert_eq!(
        shown(&errors[0]),
        "cannot read the secret `x`\n  cannot read `storefront.vault.azure.net.evil.example`, which is \
         not a vault under `.vault.azure.net`\nhelp: check the URL and the plan's `azure.cloud`"
    );
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn a_failed_sign_in_is_reported_as_the_cause() {
    let fake = FakeAzure::start(|asked: &ReceivedRequest| {
        if asked.to.ends_with("/oauth2/v2.0/token") {
            let body: Value = json!({
                "error": "invalid_client", "error_codes": [7_000_215],
                "error_description": "AADSTS7000215: Invalid client secret provided.",
            });
            return Reply::json(401, &body);
        }
        challenge()
    })
    .await;

    let errors = read(&fake, &[], &[wanted("acr", &[in_vault("acr-password")])]).await;

    let text = shown(&errors.expect_err("no token").pop().expect("an error"));
    assert!(
        text.starts_with(
            "cannot read the secret `acr`\n  cannot sign in to Azure with a client secret\n  \
             login.microsoftonline.com answered 401: AADSTS7000215: Invalid client secret provided.\nhelp: `AZURE_CLIENT_SECRET` must hold"
        ),
        "{text}"
    );
}
