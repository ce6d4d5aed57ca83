//! Tells where what runs is reached, as it appears.

use crate::local::news::{News, Teller};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// The domain of apps, which are asked over TLS.
const APP_DOMAIN: &str = ".azurecontainerapps.io";

/// Addresses by `NAME` or `NAME:PORT`.
pub type Addresses = BTreeMap<String, SocketAddr>;

/// Tells each address once.
#[derive(Debug)]
pub struct PublishedTeller {
    teller: Teller,
    told: Mutex<Addresses>,
}

impl PublishedTeller {
    pub fn new(teller: Teller) -> Self {
        Self { teller, told: Mutex::default() }
    }

    pub fn tell(&self, addresses: Addresses) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, &address) in &addresses {
            if told.get(name) != Some(&address) {
                self.teller.tell(News::Published { url: public_url(name), address });
            }
        }
        *told = addresses;
    }
}

/// The URL of a published name, under which the proxy answers for it.
pub fn public_url(name: &str) -> String {
    let scheme = if name.ends_with(APP_DOMAIN) { "https" } else { "http" };
    format!("{scheme}://{name}")
}

#[cfg(test)]
mod tests {
    use super::{Addresses, PublishedTeller};
    use crate::local::news::{News, Teller};

    #[test]
    fn each_address_is_told_once() {
        let (teller, mut news) = Teller::with_listener();
        let published = PublishedTeller::new(teller);
        let addresses = |all: &[(&str, &str)]| -> Addresses {
            let parsed =
                |(name, at): &(&str, &str)| ((*name).to_owned(), at.parse().expect("an address"));
            all.iter().map(parsed).collect()
        };
        let web = ("web.westeurope.azurecontainer.io", "127.0.0.1:4001");
        let app = ("api.local-1.westeurope.azurecontainerapps.io", "127.0.0.1:4002");
        let moved = ("web.westeurope.azurecontainer.io", "127.0.0.1:4003");
        for all in [&[web][..], &[web, app], &[app], &[app, moved]] {
            published.tell(addresses(all));
        }
        let mut told = Vec::new();
        while let Ok(News::Published { url, address }) = news.try_recv() {
            told.push(format!("{url} {address}"));
        }
        assert_eq!(
            told,
            [
                "http://web.westeurope.azurecontainer.io 127.0.0.1:4001",
                "https://api.local-1.westeurope.azurecontainerapps.io 127.0.0.1:4002",
                "http://web.westeurope.azurecontainer.io 127.0.0.1:4003",
            ]
        );
    }
}
