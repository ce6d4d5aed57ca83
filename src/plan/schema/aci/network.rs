//! How the containers of a group resolve names.

use crate::plan::describe::{key, mapping};
use crate::plan::literal::NotEmpty;
use crate::plan::schema::text::Text;

mapping! {
    /// How the containers resolve names.
    pub struct DnsConfig = "`dns-config`" {
        /// Addresses of the name servers.
        pub name_servers: Vec<Text> = key("name-servers").is::<NotEmpty>().names_resource(),
        /// Domains in which short names are looked for.
        pub search_domains: Vec<Text> = key("search-domains")
            .is::<NotEmpty>()
            .names_resource()
            .absent("none"),
        /// Options of the resolver, such as `ndots:2`.
        pub options: Vec<Text> = key("options").is::<NotEmpty>().names_resource().absent("none"),
    }
}
