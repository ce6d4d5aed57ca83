//! How Azure finds out whether an app is well.

use crate::plan::describe::{
    Key, PlanKeys as _, PlanMapping as _, PlanValue, Slot, Visit, choice, key, mapping,
};
use crate::plan::literal::{HttpPath, Period, Times};
use crate::plan::parse::{Entries, Reader};
use crate::plan::schema::text::{Field, Text};
use crate::plan::tree::EntryKey;
use crate::value::IngressPort;
use serde_json::Value;
use std::time::Duration;

mapping! {
    by hand
    /// The probes of an app.
    pub struct AppProbes = "`probes`" {
        /// What has to hold, or the container is started again.
        pub liveness: Option<AppProbe> = key("liveness").absent("none"),
        /// What has to hold before requests are sent to the container.
        pub readiness: Option<AppProbe> = key("readiness").absent("none"),
        /// What has to hold before the other probes begin.
        pub startup: Option<AppProbe> = key("startup").absent("none"),
    }
}

impl PlanValue for AppProbes {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self { liveness: None, readiness: None, startup: None })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}

mapping! {
    /// One probe: what is asked, and how often.
    pub struct AppProbe = "a probe" {
        flattened pub kind: AppProbeKind,
        /// Port that `http` asks.
        pub port: Option<Field<IngressPort>> = key("port").absent("the `target-port`"),
        /// Time after the start before the first probe, in whole seconds, 1 minute at most.
        pub initial_delay: Field<Duration> = key("initial-delay").default("0s"),
        /// Time between two probes, in whole seconds.
        pub period: Field<Period> = key("period").default("10s"),
        /// How long an answer may take, in whole seconds.
        pub timeout: Field<Period> = key("timeout").default("1s"),
        /// How many probes in a row have to fail, 10 at most.
        pub failure_threshold: Field<Times> = key("failure-threshold").default("3"),
        /// How many probes in a row have to pass after a failure, 10 at most.
        pub success_threshold: Field<Times> = key("success-threshold").default("1"),
    }
}

choice! {
    /// What a probe asks.
    pub enum AppProbeKind {
        /// Path that has to be answered by a status from 200 to 399.
        Http(Text) = key("http").is::<HttpPath>(),
        /// Port that has to take a connection.
        Tcp(Field<IngressPort>) = key("tcp"),
    }
}

impl AppProbeKind {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let (http, tcp) = (entries.key("http"), entries.key("tcp"));
        if let (Some(http), Some(tcp)) = (http, tcp) {
            reader.conflict(tcp, http, "a probe asks one thing");
        }
        if let (Some(tcp), Some(port)) = (tcp, entries.key("port")) {
            reader.conflict(port, tcp, "it belongs to `http`");
        }
        let chosen = http.or(tcp);
        if chosen.is_none() {
            reader.missing(entries, "http", "or `tcp`");
        }
        chosen
    }
}
