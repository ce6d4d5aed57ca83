//! Explains why a deployed service does not answer on a port.

use super::no_answer::NoAnswer;
use crate::oci::Platform;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::ResourceEvidence;
use crate::run::perform::performer::Performer;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// What is known of a service that does not answer on `port`.
#[derive(Debug, Default)]
pub struct Diagnosis {
    pub port: u16,
    /// What listens in its containers, where that is known.
    pub listening: Vec<SocketAddr>,
    /// The ports that its images declare.
    pub exposed: BTreeSet<u16>,
}

impl Diagnosis {
    /// Reads what the images of the service declare. One that cannot be read is left
    /// out.
    pub async fn new(
        performer: &Performer,
        port: u16,
        no_answer: &NoAnswer,
        evidence: Option<&ResourceEvidence>,
    ) -> Self {
        let registry = &performer.services.clients.registry;
        let mut exposed = BTreeSet::new();
        for image in evidence.iter().flat_map(|evidence| &evidence.images) {
            let Ok(reference) = image.parse() else { continue };
            let declared = registry.exposed_ports(&reference, &Platform::default()).await;
            exposed.extend(declared.unwrap_or_default());
        }
        let listening = match no_answer {
            NoAnswer::Refused { listening } => listening.clone(),
            NoAnswer::Barred(_) | NoAnswer::TimedOut | NoAnswer::Broken(_) => Vec::new(),
        };
        Self { port, listening, exposed }
    }

    /// Adds the cause and the remedy to the error.
    pub fn explain(&self, error: StepError) -> StepError {
        let mut causes = Vec::new();
        let reachable: BTreeSet<u16> = self.ports(|address| !address.ip().is_loopback());
        let own: BTreeSet<u16> = self.ports(|address| address.ip().is_loopback());
        if own.contains(&self.port) {
            let port = self.port;
            causes.push(format!(
                "the program listens on 127.0.0.1:{port} only, where nothing outside of its \
                 container reaches it"
            ));
        } else if !reachable.is_empty() {
            causes.push(format!("the program listens on {}", ports(&reachable)));
        } else if !own.is_empty() {
            causes.push(format!("the program listens on 127.0.0.1 only, on {}", ports(&own)));
        }
        if !self.exposed.is_empty() && !self.exposed.contains(&self.port) {
            causes.push(format!("the image exposes {}", ports(&self.exposed)));
        }
        let error = causes.into_iter().fold(error, StepError::because);
        match self.help(&reachable, &own) {
            Some(help) => error.help(help),
            None => error,
        }
    }

    fn help(&self, reachable: &BTreeSet<u16>, own: &BTreeSet<u16>) -> Option<String> {
        let port = self.port;
        if own.contains(&port) {
            return Some(format!("make the program listen on 0.0.0.0:{port}"));
        }
        let others = if reachable.is_empty() { &self.exposed } else { reachable };
        if !others.is_empty() && !others.contains(&port) {
            let list: Vec<String> = others.iter().map(u16::to_string).collect();
            let list = list.join(", ");
            return Some(format!(
                "write `ports: [{list}]`, or make the program listen on 0.0.0.0:{port}"
            ));
        }
        (!own.is_empty()).then(|| format!("make the program listen on 0.0.0.0:{port}"))
    }

    fn ports(&self, choose: impl Fn(&SocketAddr) -> bool) -> BTreeSet<u16> {
        self.listening.iter().filter(|address| choose(address)).map(SocketAddr::port).collect()
    }
}

/// Such as `port 80` or `ports 80 and 443`.
fn ports(ports: &BTreeSet<u16>) -> String {
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    match all.as_slice() {
        [one] => format!("port {one}"),
        [first @ .., last] => format!("ports {} and {last}", first.join(", ")),
        [] => "no port".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Diagnosis;
    use crate::run::outcome::StepError;

    /// The causes and the remedy where port 8080 does not answer.
    fn told(listening: &[&str], exposed: &[u16]) -> String {
        let listening = listening.iter().map(|text| text.parse().expect("an address")).collect();
        let exposed = exposed.iter().copied().collect();
        let diagnosis = Diagnosis { port: 8080, listening, exposed };
        let error = diagnosis.explain(StepError::new("nothing listens on port 8080"));
        let help = error.failure.help.unwrap_or_else(|| "-".to_owned());
        format!("{}\n{help}", error.failure.chain[1..].join("; "))
    }

    #[test]
    fn a_program_that_listens_elsewhere_is_found() {
        assert_eq!(
            told(&["0.0.0.0:80"], &[80]),
            "the program listens on port 80; the image exposes port 80\n\
             write `ports: [80]`, or make the program listen on 0.0.0.0:8080"
        );
        assert_eq!(
            told(&[], &[80, 443]),
            "the image exposes ports 80 and 443\n\
             write `ports: [80, 443]`, or make the program listen on 0.0.0.0:8080"
        );
        assert_eq!(
            told(&["[::]:3000"], &[]),
            "the program listens on port 3000\n\
             write `ports: [3000]`, or make the program listen on 0.0.0.0:8080"
        );
    }

    #[test]
    fn a_program_that_listens_for_itself_is_found() {
        assert_eq!(
            told(&["127.0.0.1:8080", "0.0.0.0:9100"], &[8080]),
            "the program listens on 127.0.0.1:8080 only, where nothing outside of its container \
             reaches it\nmake the program listen on 0.0.0.0:8080"
        );
        assert_eq!(
            told(&["[::1]:3000"], &[]),
            "the program listens on 127.0.0.1 only, on port 3000\n\
             make the program listen on 0.0.0.0:8080"
        );
    }

    #[test]
    fn without_a_clue_nothing_is_claimed() {
        assert_eq!(told(&[], &[]), "\n-");
        assert_eq!(told(&[], &[8080]), "\n-");
    }
}
