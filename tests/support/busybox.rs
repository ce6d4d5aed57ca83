//! What the images of the tests hold: the applets of busybox that they run, in one
//! static program, since a machine with Rust need not have busybox. `program.rs`
//! compiles it; it is no module.
//!
//! `sleep`, `false`, `cat` and `echo` are as usual. `httpd -f -p [ADDRESS:]PORT [-h
//! FOLDER]` serves files, `nc -l -p PORT -e PROGRAM…` answers one connection with what
//! the program writes, and `sh` knows commands without quotes, joined by `;` or lines, and one
//! endless loop of them, also of a file that begins with `#!/busybox sh`. Under the name `sh` the program is the shell alone.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio, exit};
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().collect();
    if !arguments[0].ends_with("/sh") {
        arguments.remove(0);
    }
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn run(words: &[&str]) -> ExitCode {
    match words {
        ["sleep", seconds] => {
            std::thread::sleep(Duration::from_secs(seconds.parse().expect("seconds")));
        }
        ["false"] => return ExitCode::FAILURE,
        ["true"] => {}
        ["echo", words @ ..] => println!("{}", words.join(" ")),
        ["cat", file] => print!("{}", fs::read_to_string(file).expect("a file")),
        ["ls"] => println!("bin"),
        ["sh" | "/bin/sh", "-c", script, ..] => return shell(script),
        ["sh", file, ..] => return shell(&fs::read_to_string(file).expect("a script")),
        ["httpd", options @ ..] => httpd(options),
        ["nc", "-l", "-p", port, "-e", program @ ..] => answer_one(port, program),
        other => panic!("no applet for {other:?}"),
    }
    ExitCode::SUCCESS
}

fn shell(script: &str) -> ExitCode {
    if let Some(body) = script.strip_prefix("while true; do ").and_then(|it| it.strip_suffix("; done")) {
        loop {
            shell(body);
        }
    }
    // As a shell, which reads the whole script before it does anything.
    if script.split(';').any(|command| command.trim() == "done") {
        eprintln!("sh: syntax error: unexpected \"done\"");
        return ExitCode::from(2);
    }
    let mut last = ExitCode::SUCCESS;
    for command in script.split([';', '\n']) {
        let words: Vec<&str> = command.split_whitespace().collect();
        last = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            ["exit", code] => exit(code.parse().expect("a code")),
            [program, applet @ ..] if program.ends_with("/busybox") => run(applet),
            applet => run(applet),
        };
    }
    last
}

fn option<'o>(options: &[&'o str], name: &str) -> Option<&'o str> {
    let at = options.iter().position(|option| *option == name)?;
    options.get(at + 1).copied()
}

fn httpd(options: &[&str]) {
    let at = option(options, "-p").expect("a port");
    let at = if at.contains(':') { at.to_owned() } else { format!("0.0.0.0:{at}") };
    let folder = option(options, "-h").unwrap_or(".");
    let listener = TcpListener::bind(at).expect("a free port");
    for stream in listener.incoming().flatten() {
        let folder = folder.to_owned();
        std::thread::spawn(move || serve(stream, &folder));
    }
}

fn serve(mut stream: TcpStream, folder: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split_whitespace().nth(1).unwrap_or("/");
    let path = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    let (status, body) = match fs::read(format!("{folder}{path}")) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", b"404\n".to_vec()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    drop(stream.write_all(&[head.into_bytes(), body].concat()));
}

fn answer_one(port: &str, program: &[&str]) {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).expect("a free port");
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut command = Command::new(program[0]);
    let output = command.args(&program[1..]).stdin(Stdio::null()).output().expect("a program");
    drop(stream.write_all(&output.stdout));
}
