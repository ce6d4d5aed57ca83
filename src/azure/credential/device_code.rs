//! Signing in with a code that a person enters in a browser: the device authorization
//! grant (RFC 8628), as Entra has it.
//!
//! One sign-in serves every scope: Entra's refresh tokens are for all services of the
//! tenant. The refresh token stays in memory and ends with the process.

use super::device_code_error::DeviceCodeError;
use super::entra_client::EntraClient;
use super::error::{RefusedIdentity, SignInError, refused};
use super::identity::EntraIdentity;
use crate::http::{self, Retry, Retryable as _};
use crate::secret::{Redactor, Secret};
use azure_core::time::{Duration as TokenTime, OffsetDateTime};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// The application of the Azure CLI, which every tenant knows as a public client. Microsoft's
/// own libraries sign developers in with it too.
pub const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// Lets a person of any tenant sign in; the tenant is then that of the account.
pub const ANY_TENANT: &str = "organizations";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const MAX_RESPONSE_BYTES: usize = 1 << 20;
/// What a server that names no interval expects (RFC 8628, section 3.2), in seconds. It is also
/// what `slow_down` adds (section 3.5).
const INTERVAL_SECS: u64 = 5;
/// The longest wait between two requests where the server fails for a moment, in seconds.
const MAX_INTERVAL_SECS: u64 = 60;

/// Shows a text to the person in front of the terminal.
pub type ShowText = Arc<dyn Fn(&str) + Send + Sync>;

pub struct DeviceCode {
    http: http::Client,
    redactor: Redactor,
    /// The folder of the tenant's endpoints, such as
    /// `https://login.microsoftonline.com/organizations/oauth2/v2.0/`.
    endpoints: Url,
    identity: EntraIdentity,
    /// `None` without a terminal.
    show: Option<ShowText>,
    /// One second; tests have shorter ones.
    second: Duration,
    /// Held during a sign-in, so that the person is asked once.
    refresh_token: tokio::sync::Mutex<Option<Secret>>,
}

/// The answer to the request for a code (RFC 8628, section 3.2).
#[derive(Deserialize)]
struct Code {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
}

/// A token and when it expires.
type IssuedToken = (String, OffsetDateTime);

/// What to do after an answer that holds no token.
#[derive(Debug, Eq, PartialEq)]
enum Next {
    /// Asks again after this many seconds.
    Wait(u64),
    Expired,
    Declined,
    Unknown,
    /// Any other error.
    Fail,
}

/// What the error of an answer asks for (RFC 8628, section 3.5, and Entra's own words for a
/// code that it does not know and for a declined sign-in).
fn next(error: &str, interval: u64) -> Next {
    match error {
        "authorization_pending" => Next::Wait(interval),
        "slow_down" => Next::Wait(interval + INTERVAL_SECS),
        "expired_token" | "code_expired" => Next::Expired,
        "authorization_declined" | "access_denied" => Next::Declined,
        "bad_verification_code" => Next::Unknown,
        _ => Next::Fail,
    }
}

/// The wait after the server failed for a moment, which section 3.5 lets grow.
fn longer(interval: u64) -> u64 {
    (interval * 2).clamp(1, MAX_INTERVAL_SECS.max(interval))
}

impl DeviceCode {
    pub fn new(client: &EntraClient<'_>, identity: EntraIdentity, show: Option<ShowText>) -> Self {
        let mut endpoints = client.endpoints.authority.clone();
        endpoints.set_path(&format!("{}/oauth2/v2.0/", identity.tenant));
        Self {
            http: client.http.clone(),
            redactor: client.redactor.clone(),
            endpoints,
            identity,
            show,
            second: Duration::from_secs(1),
            refresh_token: tokio::sync::Mutex::default(),
        }
    }

    #[cfg(test)]
    pub fn with_second(self, second: Duration) -> Self {
        Self { second, ..self }
    }

    /// A token for the scope. Asks the person, with why each other method was `passed_over`,
    /// unless the person has signed in already.
    pub async fn token(
        &self,
        scope: &str,
        passed_over: &[String],
    ) -> Result<IssuedToken, SignInError> {
        let mut refresh_token = self.refresh_token.lock().await;
        let issued = match &*refresh_token {
            Some(token) => self.refresh(scope, token).await?,
            None => self.sign_in(scope, passed_over).await?,
        };
        if let Some(token) = issued.refresh_token {
            *refresh_token = Some(self.redactor.adopt("a refresh token", token));
        }
        let end = OffsetDateTime::now_utc() + TokenTime::seconds(issued.expires_in);
        Ok((issued.access_token, end))
    }

    async fn refresh(&self, scope: &str, token: &Secret) -> Result<Issued, SignInError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.identity.client_id),
            ("scope", &with_refresh_token(scope)),
            ("refresh_token", token.expose()),
        ];
        self.read(&self.ask("token", &fields).await?).map_err(|error| *error)
    }

    async fn sign_in(&self, scope: &str, passed_over: &[String]) -> Result<Issued, SignInError> {
        let show = self.show.as_ref().ok_or(DeviceCodeError::NoTerminal)?;
        let scope = with_refresh_token(scope);
        let fields = [("client_id", self.identity.client_id.as_str()), ("scope", &scope)];
        let code = self.read::<Code>(&self.ask("devicecode", &fields).await?);
        let code = code.map_err(|error| *error)?;
        let prompt = prompt(&code, passed_over);
        show(&prompt.ok_or_else(|| self.unreadable("it holds no code to enter"))?);
        let issued = self.poll(&code).await?;
        show("signed in to Azure with a device code, for this command alone");
        Ok(issued)
    }

    /// Asks until the person has entered the code.
    async fn poll(&self, code: &Code) -> Result<Issued, SignInError> {
        let fields = [
            ("grant_type", GRANT),
            ("client_id", &self.identity.client_id),
            ("device_code", &code.device_code),
        ];
        let seconds = |count: u64| self.second * u32::try_from(count).unwrap_or(u32::MAX);
        let end = Instant::now() + seconds(code.expires_in);
        let mut interval = code.interval.unwrap_or(INTERVAL_SECS).min(MAX_INTERVAL_SECS);
        let expired = || DeviceCodeError::Expired { time: minutes(code.expires_in) };
        loop {
            tokio::time::sleep(seconds(interval)).await;
            if Instant::now() >= end {
                return Err(expired().into());
            }
            let answer = match self.ask("token", &fields).await {
                Ok(answer) => answer,
                Err(error) if error.retry() != Retry::Never => {
                    interval = longer(interval);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if answer.status < 400 {
                return self.read(&answer).map_err(|error| *error);
            }
            if matches!(answer.retry, Retry::Backoff | Retry::After(_)) {
                interval = longer(interval);
                continue;
            }
            let refusal = serde_json::from_slice::<Refusal>(&answer.body);
            let error = refusal.map(|refusal| refusal.error).unwrap_or_default();
            match next(&error, interval) {
                Next::Wait(seconds) => interval = seconds,
                Next::Expired => return Err(expired().into()),
                Next::Declined => return Err(DeviceCodeError::Declined.into()),
                Next::Unknown => return Err(DeviceCodeError::Unknown { host: self.host() }.into()),
                Next::Fail => return Err(self.refused(&answer)),
            }
        }
    }

    /// The answer of an endpoint, whatever its status.
    async fn ask(&self, name: &str, fields: &[(&str, &str)]) -> Result<Answer, SignInError> {
        let url = self.endpoints.join(name).expect("a name is a relative URL");
        let unreachable = |source| DeviceCodeError::Unreachable { host: self.host(), source };
        let request = self.http.direct().post(url).form(fields);
        let response = self.http.send(request).await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| http::parse_retry_after(value, jiff::Timestamp::now()));
        let retry = match status {
            408 | 429 | 500 | 502..=504 => wait.map_or(Retry::Backoff, Retry::After),
            _ => Retry::Never,
        };
        let body = http::body("POST", response, MAX_RESPONSE_BYTES).await.map_err(unreachable)?;
        Ok(Answer { status, retry, body: body.to_vec() })
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Box<SignInError>> {
        if answer.status >= 300 {
            return Err(self.refused(answer).into());
        }
        // The cause is dropped because it quotes the text, which may be a token.
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.unreadable("it holds no token").into())
    }

    fn refused(&self, answer: &Answer) -> SignInError {
        let EntraIdentity { tenant, client_id } = &self.identity;
        let host = self.host();
        let subject = RefusedIdentity { host: &host, tenant, client_id, claims: None };
        refused(answer.status, answer.retry, &answer.body, &subject)
    }

    fn unreadable(&self, reason: &str) -> SignInError {
        SignInError::Unreadable { host: self.host(), reason: reason.to_owned() }
    }

    fn host(&self) -> String {
        self.endpoints.host_str().unwrap_or_default().to_owned()
    }
}

/// What the person is told; `None` where the answer holds no code that can be shown.
fn prompt(code: &Code, passed_over: &[String]) -> Option<String> {
    let Code { user_code, verification_uri, expires_in, .. } = code;
    let is_code = |text: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.len() <= 32 && text.bytes().all(good)
    };
    let page = Url::parse(verification_uri).ok().filter(|page| page.scheme() == "https");
    let page = page.filter(|_| is_code(user_code))?;
    let mut text = String::new();
    if !passed_over.is_empty() {
        text.push_str("no other way to sign in to Azure works here:\n");
    }
    for reason in passed_over {
        writeln!(text, "  {reason}").expect("writing to a string cannot fail");
    }
    let time = minutes(*expires_in);
    write!(text, "to sign in to Azure, open {page} and enter the code {user_code} within {time}")
        .expect("writing to a string cannot fail");
    Some(text)
}

struct Answer {
    status: u16,
    retry: Retry,
    body: Vec<u8>,
}

/// The scope, with that of a refresh token beside it.
fn with_refresh_token(scope: &str) -> String {
    format!("{scope} offline_access")
}

fn minutes(seconds: u64) -> String {
    match seconds / 60 {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, longer, next};

    #[test]
    fn errors_decide_what_happens_next() {
        assert_eq!(next("authorization_pending", 5), Next::Wait(5));
        assert_eq!(next("slow_down", 5), Next::Wait(10));
        assert_eq!(next("expired_token", 5), Next::Expired);
        assert_eq!(next("authorization_declined", 5), Next::Declined);
        assert_eq!(next("access_denied", 5), Next::Declined);
        assert_eq!(next("bad_verification_code", 5), Next::Unknown);
        assert_eq!(next("invalid_client", 5), Next::Fail);
    }

    #[test]
    fn wait_grows_to_a_minute() {
        assert_eq!([longer(0), longer(5), longer(40), longer(60)], [1, 10, 60, 60]);
    }
}
