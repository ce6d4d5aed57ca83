//! The spans of a run, as a collector of OpenTelemetry gets them.

use crate::support::{Finished, Program};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

const PLAN: &str = "\
name: shop
services:
  web:
    steps:
      - run: test -e flag || { touch flag; exit 3; }
        retry: { attempts: 2, backoff: 1ms }
      - id: env
        run: env | grep -c API_KEY_OF_COLLECTOR && exit 1 || true
  docs:
    steps:
      - run: 'false'
";

/// What a collector was sent.
#[derive(Clone, Debug)]
struct Received {
    head: Vec<String>,
    body: Vec<u8>,
}

/// A collector that answers with a status.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Collector {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                log.lock().expect("no panic").push(read(&stream));
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .expect("it is read");
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    fn run(&self, program: Program, arguments: &[&str]) -> (Program, Finished) {
        let program = program
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", self.address))
            .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=API_KEY_OF_COLLECTOR");
        let finished = program.run(arguments);
        (program, finished)
    }
}

fn read(stream: &TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    Received { head, body }
}

/// The spans of the only request, and the attributes of what they are of.
fn spans(received: &[Received]) -> (Vec<Span>, BTreeMap<String, String>) {
    let [one] = received else { panic!("{received:?}") };
    let request = ExportTraceServiceRequest::decode(one.body.as_slice()).expect("protobuf");
    let [of] = request.resource_spans.as_slice() else { panic!("{request:?}") };
    let resource = attributes(&of.resource.as_ref().expect("a resource").attributes);
    (of.scope_spans.iter().flat_map(|scope| scope.spans.clone()).collect(), resource)
}

fn attributes(list: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    };
    let value = |it: &KeyValue| it.value.as_ref().and_then(|any| any.value.as_ref()).map(text);
    list.iter().map(|it| (it.key.clone(), value(it).expect("a value"))).collect()
}

/// Each span as a line: its parent, name, status and message.
fn lines(spans: &[Span]) -> Vec<String> {
    let name = |id: &[u8]| {
        spans.iter().find(|span| span.span_id == id).map_or("-", |span| span.name.as_str())
    };
    let status = |span: &Span| {
        span.status.as_ref().map(|it| format!("{} {}", it.code, it.message)).unwrap_or_default()
    };
    spans
        .iter()
        .map(|span| {
            let line = format!("{} > {}: {}", name(&span.parent_span_id), span.name, status(span));
            line.trim_end().to_owned()
        })
        .collect()
}

#[test]
fn run_is_sent_as_spans_of_its_steps_and_attempts() {
    let collector = Collector::start(200);
    let program = Program::with_plan(PLAN).committed();
    let (program, finished) = collector.run(program, &["run", "--keep-going"]);
    finished.exits(4);
    let received = collector.received();
    let (spans, resource) = spans(&received);
    let mut found = lines(&spans);
    found.sort();
    assert_eq!(
        found,
        [
            "- > shop: 2 docs.run: the script ended with exit code 1",
            "shop > docs.run: 2 the script ended with exit code 1",
            "shop > web.env: 1",
            "shop > web.run: 1",
            "web.run > attempt 1: 2 the script ended with exit code 3",
            "web.run > attempt 2: 1",
        ]
    );
    assert_eq!(resource["service.name"], "shipway");
    let root = spans.iter().find(|span| span.name == "shop").expect("the run");
    let of_run = attributes(&root.attributes);
    let commit = program.git(&["rev-parse", "HEAD"]);
    for (name, value) in [
        ("cicd.pipeline.name", "shop"),
        ("cicd.pipeline.result", "failure"),
        ("shipway.exit-code", "4"),
        ("shipway.resumed", "false"),
        ("vcs.ref.head.revision", commit.as_str()),
    ] {
        assert_eq!(of_run[name], value, "{name}");
    }
    let step = spans.iter().find(|span| span.name == "web.run").expect("a step");
    let of_step = attributes(&step.attributes);
    assert_eq!(of_step["cicd.pipeline.task.run.result"], "success");
    assert_eq!(of_step["shipway.action"], "run");
    for span in &spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{span:?}");
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano, "{span:?}");
    }

    let head = &received[0].head;
    assert_eq!(head[0], "POST /v1/traces HTTP/1.1");
    assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
    assert!(head.contains(&"api-key: API_KEY_OF_COLLECTOR".to_owned()), "{head:?}");
}

#[test]
fn run_is_a_part_of_the_trace_of_its_caller() {
    let collector = Collector::start(200);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let plan = "name: shop\nsteps: [{ run: 'true' }]\n";
    let program = Program::with_plan(plan).env("TRACEPARENT", parent);
    let program = program.env("OTEL_SERVICE_NAME", "deploys");
    let (_, finished) = collector.run(program, &["run"]);
    finished.exits(0);
    let (spans, resource) = spans(&collector.received());
    assert_eq!(resource["service.name"], "deploys");
    let root = spans.iter().find(|span| span.name == "shop").expect("the run");
    assert_eq!(hex::encode(&root.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex::encode(&root.parent_span_id), "b7ad6b7169203331");
}

#[test]
fn dry_run_sends_no_spans() {
    let collector = Collector::start(200);
    let plan = "name: shop\nsteps: [{ run: 'true' }]\n";
    let (_, finished) = collector.run(Program::with_plan(plan), &["dry-run"]);
    finished.exits(0);
    assert!(collector.received().is_empty());
}

#[test]
fn collector_that_refuses_the_spans_is_a_warning() {
    let collector = Collector::start(503);
    let plan = "name: shop\nsteps: [{ run: 'true' }]\n";
    let (program, finished) = collector.run(Program::with_plan(plan), &["run"]);
    let finished = finished.exits(0);
    let why = format!(
        "the spans of the run were not sent: POST http://{}/v1/traces: 503",
        collector.address
    );
    assert!(finished.stderr.contains(&why), "{}", finished.stderr);
    assert_eq!(collector.received().len(), 3);

    let program = program.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let finished = program.run(&["run"]).exits(0);
    let why = "the spans of the run were not sent: `OTEL_EXPORTER_OTLP_PROTOCOL` is `grpc`: only \
               `http/protobuf` is supported";
    assert!(finished.stderr.contains(why), "{}", finished.stderr);
}
