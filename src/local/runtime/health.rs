//! The probes of a container that runs: when they are tried, and what passes.

use super::sandbox::Sandbox;
use super::spec::{Container, HealthProbe, ProbeRequest};
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

/// No status line is longer.
const MAX_LINE_BYTES: u64 = 8 << 10;

/// Tries a probe again and again. `changed` hears of each change: first that it passes
/// or fails for the number of tries that it says. It ends when `changed` returns `false`.
pub async fn watch(
    sandbox: &Sandbox,
    container: &Container,
    probe: &HealthProbe,
    mut changed: impl FnMut(bool, &str) -> bool,
) {
    tokio::time::sleep(probe.initial_delay).await;
    let mut known = None;
    let (mut passed, mut failed) = (0, 0);
    loop {
        let tried = tokio::time::timeout(probe.timeout, once(sandbox, container, &probe.request));
        let reason = match tried.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {}s", probe.timeout.as_secs())),
        };
        (passed, failed) = if reason.is_none() { (passed + 1, 0) } else { (0, failed + 1) };
        let state = match reason {
            None if passed >= probe.successes => Some(true),
            Some(_) if failed >= probe.failures => Some(false),
            None | Some(_) => known,
        };
        if state != known {
            known = state;
            let goes_on = changed(state == Some(true), reason.as_deref().unwrap_or_default());
            if !goes_on {
                return;
            }
        }
        tokio::time::sleep(probe.period).await;
    }
}

async fn once(sandbox: &Sandbox, container: &Container, request: &ProbeRequest) -> io::Result<()> {
    match request {
        ProbeRequest::Http { path, port, headers } => {
            let status = http_status(sandbox, path, *port, headers).await?;
            if (200..400).contains(&status) {
                return Ok(());
            }
            Err(io::Error::other(format!("HTTP probe failed with statuscode: {status}")))
        }
        ProbeRequest::Exec(argv) => {
            let code = sandbox.run(container, argv).await.map_err(io::Error::other)?;
            if code == 0 {
                return Ok(());
            }
            Err(io::Error::other(format!("command terminated with non-zero exit code: {code}")))
        }
    }
}

async fn http_status(
    sandbox: &Sandbox,
    path: &str,
    port: u16,
    headers: &[(String, String)],
) -> io::Result<u16> {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            request.push_str(part);
        }
    }
    request.push_str("User-Agent: kube-probe/1.28\r\nConnection: close\r\n\r\n");
    let mut stream = sandbox.connect(port).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE_BYTES)).read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|status| status.trim().parse().ok());
    status.ok_or_else(|| io::Error::other("the answer is not HTTP"))
}
