//! The settings that the environment gives.

use super::settings::{OtlpSettings, ParentSpan};
use std::collections::BTreeMap;
use std::time::Duration;

fn read(env: &[(&str, &str)]) -> Result<Option<OtlpSettings>, String> {
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    OtlpSettings::read(&env).map_err(|error| error.to_string())
}

fn settings(env: &[(&str, &str)]) -> OtlpSettings {
    read(env).expect("they can be read").expect("an endpoint is named")
}

#[test]
fn nothing_is_sent_without_an_endpoint_or_where_it_is_turned_off() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    for env in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_SERVICE_NAME", "shop")],
        &[endpoint, ("OTEL_SDK_DISABLED", "TRUE")],
        &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert!(read(env).expect("they can be read").is_none(), "{env:?}");
    }
}

#[test]
fn path_of_traces_follows_the_endpoint_of_all_signals_alone() {
    let of = |name, value| settings(&[(name, value)]).endpoint.to_string();
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT";
    assert_eq!(of(general, "http://localhost:4318"), "http://localhost:4318/v1/traces");
    assert_eq!(of(general, "https://otel.example/in/"), "https://otel.example/in/v1/traces");
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    assert_eq!(of(own, "https://otel.example/traces"), "https://otel.example/traces");
    let both = settings(&[(general, "http://all.example"), (own, "http://traces.example/")]);
    assert_eq!(both.endpoint.as_str(), "http://traces.example/");
}

#[test]
fn other_variables_are_read() {
    let found = settings(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, team = web"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,team=web"),
        ("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]);
    assert_eq!(found.headers["api-key"], "a b");
    assert_eq!(found.headers["team"], "web");
    assert_eq!(found.timeout, Duration::from_millis(2500));
    assert!(found.names_service);
    let parent = ParentSpan {
        trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
        span: 0xb7ad_6b71_6920_3331,
    };
    assert_eq!(found.parent, Some(parent));
}

#[test]
fn parent_that_cannot_be_one_is_ignored() {
    for text in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "zz-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(settings(&[endpoint, ("TRACEPARENT", text)]).parent, None, "{text}");
    }
}

#[test]
fn values_that_are_not_supported_are_named() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    let refused = |env: &[(&str, &str)]| read(env).expect_err("it is refused");
    assert_eq!(
        refused(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")]),
        "`OTEL_EXPORTER_OTLP_ENDPOINT` is `localhost:4318`: it has to be the URL of a collector, \
         such as `http://localhost:4318`"
    );
    assert_eq!(
        refused(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]),
        "`OTEL_EXPORTER_OTLP_PROTOCOL` is `grpc`: only `http/protobuf` is supported"
    );
    assert_eq!(
        refused(&[endpoint, ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s")]),
        "`OTEL_EXPORTER_OTLP_TRACES_TIMEOUT` is `10s`: it has to be a number of milliseconds"
    );
}
