//! Signing in with a device code.

use super::{SCOPE, detect_with, environment, form, issued, refused};
use crate::azure::Cloud;
use crate::azure::credential::device_code::{DeviceCode, ShowText};
use crate::azure::credential::entra_client::EntraClient;
use crate::azure::credential::identity::EntraIdentity;
use crate::azure::credential::signer::Signer;
use crate::azure::credential::tokens::Candidates;
use crate::azure::credential::{Credential, Detection, SignInMethod};
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::secret::Redactor;
use crate::value::SignIn;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

const CODE: &str = "login.microsoftonline.com/organizations/oauth2/v2.0/devicecode";
const TOKEN: &str = "/oauth2/v2.0/token";

/// What was shown to the person.
type Screen = Arc<Mutex<Vec<String>>>;

fn screen() -> (Screen, ShowText) {
    let screen = Screen::default();
    let shown = Arc::clone(&screen);
    let show = move |text: &str| shown.lock().expect("no panic").push(text.to_owned());
    (screen, Arc::new(show))
}

fn code() -> Reply {
    code_every(5)
}

/// A code, of whose state may be asked after these seconds.
fn code_every(interval: u64) -> Reply {
    Reply::json(
        200,
        &json!({
            "user_code": "FRNJ8BVLP", "device_code": "the-device-code", "expires_in": 900,
            "interval": interval, "verification_uri": "https://microsoft.com/devicelogin",
        }),
    )
}

fn error(word: &str) -> Reply {
    Reply::json(400, &json!({ "error": word, "error_description": "AADSTS70016: no. Trace ID: 0" }))
}

fn signed_in(token: &str) -> Reply {
    Reply::json(
        200,
        &json!({ "expires_in": 3_600, "access_token": token, "refresh_token": "keep-me" }),
    )
}

/// A cloud that gives a code, and answers to the token requests in order.
async fn cloud(code: Reply, answers: Vec<Reply>) -> FakeAzure {
    let answers = Mutex::new(answers.into_iter());
    FakeAzure::start(move |asked| {
        if !asked.to.ends_with(TOKEN) {
            return code.clone();
        }
        answers.lock().expect("no panic").next().expect("an answer")
    })
    .await
}

/// A credential whose seconds are short.
fn credential(fake: &FakeAzure, redactor: &Redactor, show: Option<ShowText>) -> Credential {
    let endpoints = Cloud::Public.endpoints();
    let client = EntraClient { http: &fake.client, endpoints: &endpoints, redactor };
    let identity =
        EntraIdentity { tenant: "organizations".to_owned(), client_id: "client-1".to_owned() };
    let device = DeviceCode::new(&client, identity, show).with_second(Duration::from_millis(1));
    let signer = Signer::device_code(device).explicit();
    Credential::new(Candidates { signers: vec![signer], ..Candidates::default() }, redactor.clone())
}

#[tokio::test]
async fn person_is_asked_once_and_later_scopes_use_the_refresh_token() {
    let answers = vec![
        error("authorization_pending"),
        error("slow_down"),
        Reply::html(503, "busy"),
        signed_in("arm-token"),
        issued("vault-token", 3_600),
    ];
    let fake = cloud(code(), answers).await;
    let (screen, show) = screen();
    let redactor = Redactor::default();
    let credential = credential(&fake, &redactor, Some(show));

    let (arm, vault) =
        tokio::join!(credential.token(SCOPE), credential.token("https://vault.azure.net/.default"));

    assert_eq!(arm.expect("a token").expose(), "arm-token");
    assert_eq!(vault.expect("a token").expose(), "vault-token");
    assert_eq!(
        *screen.lock().expect("no panic"),
        [
            "to sign in to Azure, open https://microsoft.com/devicelogin and enter the code \
             FRNJ8BVLP within 15 minutes",
            "signed in to Azure with a device code, for this command alone"
        ]
    );
    let asked = fake.requests();
    assert_eq!(asked[0].to, CODE);
    let first = form(&asked[0]);
    assert_eq!(first["client_id"], "client-1");
    assert_eq!(first["scope"], format!("{SCOPE} offline_access"));
    let polled = form(&asked[1]);
    assert_eq!(polled["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(polled["device_code"], "the-device-code");
    let refreshed = form(asked.last().expect("a request"));
    assert_eq!(refreshed["grant_type"], "refresh_token");
    assert_eq!(refreshed["refresh_token"], "keep-me");
    assert_eq!(refreshed["scope"], "https://vault.azure.net/.default offline_access");
    assert_eq!(redactor.redact("keep-me arm-token"), "*** ***");
}

#[tokio::test]
async fn each_end_of_a_sign_in_has_its_text_and_remedy() {
    let case = async |code: Reply, answer: Reply| {
        let fake = cloud(code, vec![answer]).await;
        let credential = credential(&fake, &Redactor::default(), Some(screen().1));
        shown(&credential.token(SCOPE).await.expect_err("refused"))
    };
    let start = "cannot sign in to Azure with a device code";
    let again = "help: run the command again, and enter its code before it ends";
    assert_eq!(
        case(code(), error("expired_token")).await,
        format!("{start}\n  the code was not entered within 15 minutes\n{again}")
    );
    assert_eq!(
        case(code(), error("bad_verification_code")).await,
        format!("{start}\n  login.microsoftonline.com no longer knows the code\n{again}")
    );
    assert_eq!(
        case(code(), error("authorization_declined")).await,
        format!(
            "{start}\n  the sign-in was declined in the browser\nhelp: run the command again and \
             agree in the browser, or sign in with `az login`"
        )
    );
    assert_eq!(
        case(code(), refused(7_000_218, "The request body must contain a secret.")).await,
        format!(
            "{start}\n  login.microsoftonline.com answered 401: AADSTS7000218: The request body \
             must contain a secret.\nhelp: `az ad app update --id client-1 \
             --is-fallback-public-client true` makes it one; or unset `AZURE_CLIENT_ID` to sign \
             in with the application of the Azure CLI"
        )
    );
    // What a code and a page may be, as they are shown in the terminal.
    let strange = json!({
        "user_code": "\u{1b}[2J", "device_code": "d", "expires_in": 900,
        "verification_uri": "https://microsoft.com/devicelogin",
    });
    assert_eq!(
        case(Reply::json(200, &strange), error("unused")).await,
        format!(
            "{start}\n  cannot read the answer of login.microsoftonline.com: it holds no code to \
             enter"
        )
    );
}

#[tokio::test]
async fn code_that_is_not_entered_ends() {
    let soon = json!({
        "user_code": "FRNJ8BVLP", "device_code": "d", "expires_in": 60, "interval": 30,
        "verification_uri": "https://microsoft.com/devicelogin",
    });
    let pending = vec![error("authorization_pending"); 3];
    let fake = cloud(Reply::json(200, &soon), pending).await;
    let credential = credential(&fake, &Redactor::default(), Some(screen().1));

    let error = credential.token(SCOPE).await.expect_err("not entered");

    let text = shown(&error);
    assert!(text.contains("\n  the code was not entered within a minute\n"), "{text}");
}

#[tokio::test]
async fn without_a_terminal_no_code_is_asked_for() {
    let fake = cloud(code(), Vec::new()).await;
    let detected = detect_with(&fake, &Redactor::default(), &[], SignIn::DeviceCode, None);
    let credential = detected.expect("a sign-in method");
    assert_eq!(credential.method(), Some(SignInMethod::DeviceCode));

    let error = credential.token(SCOPE).await.expect_err("no terminal");

    assert_eq!(
        shown(&error),
        "cannot sign in to Azure with a device code\n  there is no terminal to show the code in\n\
         help: run it where standard input and standard error are a terminal and `CI` is not \
         set, or leave out the plan's `azure.sign-in`"
    );
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn last_of_all_a_person_in_a_terminal_is_told_why() {
    let fake = FakeAzure::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let with_code = cloud(code_every(1), vec![signed_in("a-token")]).await;
    let (screen, show) = screen();
    let redactor = Redactor::default();
    // The machine's metadata service is the fake that refuses.
    let metadata = format!("http://{}/metadata", fake.address);
    let detection = Detection {
        http: &with_code.client,
        redactor: &redactor,
        endpoints: &Cloud::Public.endpoints(),
        environment: &environment(&[("PATH", "/nonexistent")]),
        sign_in: SignIn::Auto,
        show: Some(show),
        instead: None,
    };
    let metadata = Url::parse(&metadata).expect("a URL");
    let credential = detection.detect_at(metadata).expect("a sign-in method");

    credential.token(SCOPE).await.expect("a token");

    assert_eq!(credential.method(), Some(SignInMethod::DeviceCode));
    assert_eq!(
        screen.lock().expect("no panic")[0],
        "no other way to sign in to Azure works here:\n  \
         a client secret: `AZURE_CLIENT_SECRET` is not set\n  \
         a client certificate: `AZURE_CLIENT_CERTIFICATE_PATH` is not set\n  \
         GitHub's OIDC token: this is not a job of GitHub Actions\n  \
         workload identity: `AZURE_FEDERATED_TOKEN_FILE` is not set\n  \
         the managed identity: `IDENTITY_ENDPOINT` is not set\n  \
         the managed identity: this machine has none\n  \
         the Azure CLI: az not found on PATH\n\
         to sign in to Azure, open https://microsoft.com/devicelogin and enter the code \
         FRNJ8BVLP within 15 minutes"
    );
    let application = form(&with_code.requests()[0])["client_id"].clone();
    assert_eq!(application, "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
}

#[tokio::test]
async fn way_that_the_plan_asks_for_is_the_only_one() {
    let fake = cloud(code(), Vec::new()).await;
    let variables = [("AZURE_CLIENT_SECRET", "unused"), ("AZURE_TENANT_ID", "t")];
    let refused = |sign_in| {
        let detected = detect_with(&fake, &Redactor::default(), &variables, sign_in, None);
        shown(&detected.expect_err("refused"))
    };
    assert_eq!(
        refused(SignIn::WorkloadIdentity),
        "cannot sign in to Azure as `azure.sign-in` says: workload identity: \
         `AZURE_FEDERATED_TOKEN_FILE` is not set\n\
         help: give it what it lacks, or leave out the plan's `azure.sign-in`"
    );
    let method = |sign_in| {
        let detected = detect_with(&fake, &Redactor::default(), &variables, sign_in, None);
        detected.expect("a sign-in method").method()
    };
    assert_eq!(method(SignIn::AzureCli), Some(SignInMethod::AzureCli));
    assert_eq!(method(SignIn::ManagedIdentity), Some(SignInMethod::ManagedIdentity));
}

#[tokio::test]
async fn code_comes_from_the_sign_in_host_of_the_cloud() {
    for (cloud, host) in [
        (Cloud::Public, "login.microsoftonline.com"),
        (Cloud::UsGovernment, "login.microsoftonline.us"),
        (Cloud::China, "login.chinacloudapi.cn"),
    ] {
        let fake = FakeAzure::start(|_| error("invalid_client")).await;
        let (endpoints, redactor) = (cloud.endpoints(), Redactor::default());
        let client = EntraClient { http: &fake.client, endpoints: &endpoints, redactor: &redactor };
        let identity = EntraIdentity { tenant: "t".to_owned(), client_id: "c".to_owned() };
        let device = DeviceCode::new(&client, identity, Some(screen().1));
        device.token(SCOPE, &[]).await.expect_err("refused");
        assert_eq!(fake.requests()[0].to, format!("{host}/t/oauth2/v2.0/devicecode"));
    }
}
