//! A custom runtime that does what its environment (`DOUBLE_INIT`) and its events say,
//! so that the tests of the executor need no interpreter and no shell.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process;

fn main() -> io::Result<()> {
    pontoon_host::functions::launcher::install();
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut api = Api { address };
    initialize(&mut api)?;
    let mut count = 0;
    loop {
        let (id, event) = api.next()?;
        count += 1;
        println!("event {event}");
        let (command, argument) =
            event.trim_matches('"').split_once(' ').unwrap_or((event.trim_matches('"'), ""));
        match command {
            "count" => {
                api.post(&format!("invocation/{id}/response"), &format!("[{},{count}]", process::id()))?
            }
            "environment" => api.post(&format!("invocation/{id}/response"), &environment())?,
            "error" => api.post(
                &format!("invocation/{id}/error"),
                r#"{"errorType":"Boom","errorMessage":"as asked"}"#,
            )?,
            "exit" => process::exit(argument.parse().unwrap_or(0)),
            "abort" => process::abort(),
            "answer-and-exit" => {
                api.post(&format!("invocation/{id}/response"), "true")?;
                process::exit(7);
            }
            "hang" => hang(),
            "spawn-and-hang" => {
                let child = process::Command::new(env::current_exe()?).env("DOUBLE_INIT", "hang").spawn()?;
                println!("child {}", child.id());
                hang();
            }
            "print" => {
                print_bytes(argument.parse().unwrap_or(0))?;
                api.post(&format!("invocation/{id}/response"), "true")?;
            }
            "allocate" => {
                let mut held = vec![1u8; argument.parse().unwrap_or(0)];
                held[0] = std::hint::black_box(2);
                hang();
            }
            "large" => {
                let body = format!("\"{}\"", "x".repeat(argument.parse().unwrap_or(0)));
                api.post(&format!("invocation/{id}/response"), &body)?;
            }
            "stream" => api.stream(&id, argument)?,
            "meet" => {
                // Answers only when whoever listens there says so.
                let mut peer = TcpStream::connect(argument)?;
                peer.write_all(b"!")?;
                peer.read_exact(&mut [0])?;
                api.post(&format!("invocation/{id}/response"), "true")?;
            }
            _ => api.post(&format!("invocation/{id}/response"), &event)?,
        }
    }
}

fn initialize(api: &mut Api) -> io::Result<()> {
    let mode = env::var("DOUBLE_INIT").unwrap_or_default();
    let (mode, argument) = mode.split_once(' ').unwrap_or((&mode, ""));
    match mode {
        "exit" => {
            eprintln!("exiting");
            process::exit(argument.parse().unwrap_or(0));
        }
        "hang" => hang(),
        // Fails until the file exists, and makes it.
        "fail-once" if OpenOptions::new().write(true).create_new(true).open(argument).is_ok() => {
            process::exit(1)
        }
        "report" => {
            api.post("init/error", r#"{"errorType":"NoLuck","errorMessage":"cannot start"}"#)?;
            process::exit(1);
        }
        _ => {}
    }
    Ok(())
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn environment() -> String {
    let pairs: Vec<String> = env::vars().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
    format!("{{{}}}", pairs.join(","))
}

fn print_bytes(count: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let line = [b'x'; 99];
    for _ in 0..count / 100 {
        out.write_all(&line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

struct Api {
    address: String,
}

impl Api {
    fn next(&mut self) -> io::Result<(String, String)> {
        let (head, body) = self.call("GET", "invocation/next", "")?;
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .ok_or_else(|| io::Error::other("no request id"))?;
        Ok((id.to_owned(), body))
    }

    fn post(&mut self, route: &str, body: &str) -> io::Result<()> {
        self.call("POST", route, body).map(drop)
    }

    /// Streams a response in chunks; with an argument, ends it with that error type.
    fn stream(&mut self, id: &str, error_type: &str) -> io::Result<()> {
        let mut connection = TcpStream::connect(&self.address)?;
        let trailer = if error_type.is_empty() {
            String::new()
        } else {
            // "{\"errorMessage\":\"midway\"}"
            format!(
                "Lambda-Runtime-Function-Error-Type: {error_type}\r\nLambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJtaWR3YXkifQ==\r\n"
            )
        };
        write!(
            connection,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n\
             3\r\n[1,\r\n2\r\n2]\r\n0\r\n{trailer}\r\n"
        )?;
        io::copy(&mut connection, &mut io::sink()).map(drop)
    }

    fn call(&mut self, method: &str, route: &str, body: &str) -> io::Result<(String, String)> {
        let mut connection = TcpStream::connect(&self.address)?;
        let head = format!(
            "{method} /2018-06-01/runtime/{route} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes())?;
        // A server that refuses a large body closes before it has read all of it.
        let _ = connection.write_all(body.as_bytes());
        let mut reader = BufReader::new(connection);
        let mut head = String::new();
        while reader.read_line(&mut head)? > 2 {}
        let mut body = String::new();
        let _ = reader.read_to_string(&mut body);
        Ok((head, body))
    }
}
