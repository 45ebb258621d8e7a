//! A hundred mebibytes over HTTP: curl from Sidestep's server, Sidestep from nginx.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use sidestep_tests::namespace_net::{PATIENCE, World, eventually};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::{Hash, Pattern};
use sidestep_tools::serve::{Server, Service, http};

use super::programs::{Directory, Running, find, run};

on_both_families! {
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    curl_fetches_a_hundred_mebibytes_from_sidestep
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    sidestep_fetches_a_hundred_mebibytes_from_nginx
}

const OCTETS: u64 = 100 * 1024 * 1024;
const SEED: u64 = 7;

/// Writes the file that is fetched.
fn write_file(at: &Path) {
    let mut file = File::create(at).expect("the directory can be written");
    io::copy(&mut Pattern::new(SEED, OCTETS), &mut file).expect("there is room");
}

/// SHA-256 of all that is left to read.
fn hash(mut from: impl io::Read) -> (u64, String) {
    let mut hash = Hash::default();
    let mut room = vec![0; 64 * 1024];
    loop {
        let octets = from.read(&mut room).expect("it can be read");
        if octets == 0 {
            return (hash.octets(), hash.to_hex());
        }
        hash.update(&room[..octets]);
    }
}

fn curl_fetches_a_hundred_mebibytes_from_sidestep(world: &World) {
    let Some(curl) = find("curl") else { return };
    let directory = Directory::new(&format!("curl-{:?}", world.family));
    write_file(&directory.path().join("big"));
    let service = Service::Http {
        root: Arc::new(http::Root::open(directory.path()).expect("it exists")),
        limits: http::Limits::default(),
    };
    let listener = world.net.listen("tcp", ":80").expect("the port is free");
    let serving = listener.clone();
    let server = thread::spawn(move || Server::new(service, 8).run(&serving));

    let fetched = directory.path().join("fetched");
    let url = format!("http://{}/big", world.sidestep(80));
    let ended = run(
        Command::new(curl)
            // Nobody's settings or proxies.
            .args(["-q", "--noproxy", "*", "--silent", "--show-error", "--fail"])
            .args([
                "--max-time",
                "50",
                "--write-out",
                "%{http_code} %{size_download}",
            ])
            .arg("--output")
            .arg(&fetched)
            .arg(url),
        b"",
    );
    assert_eq!(ended.expect_text(), format!("200 {OCTETS}"));
    let came = hash(File::open(&fetched).expect("curl wrote it"));
    assert_eq!(came, hash(Pattern::new(SEED, OCTETS)));

    listener.close().expect("it is open");
    server.join().expect("it ends").expect("it was closed");
}

fn sidestep_fetches_a_hundred_mebibytes_from_nginx(world: &World) {
    let Some(nginx) = find("nginx") else { return };
    let directory = Directory::new(&format!("nginx-{:?}", world.family));
    let path = directory.path();
    write_file(&path.join("big"));
    let at = world.kernel(8080);
    let (here, root) = (path.display(), path.join("big"));
    let root = root.parent().expect("it has one").display();
    // One process, which writes nowhere else.
    fs::write(
        path.join("nginx.conf"),
        format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n\
               access_log off; sendfile on;\n\
               client_body_temp_path {here}/a; proxy_temp_path {here}/b;\n\
               fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
               server {{ listen {at}; root {root}; }}\n\
             }}\n"
        ),
    )
    .expect("the directory can be written");
    let mut running = Running::start(
        Command::new(nginx)
            .arg("-p")
            .arg(path)
            .arg("-c")
            .arg(path.join("nginx.conf"))
            .arg("-e")
            .arg(path.join("errors")),
    );
    eventually("nginx listens", || {
        running.expect_running();
        TcpStream::connect_timeout(&at, PATIENCE).is_ok()
    });

    let conn = world
        .net
        .dial_until("tcp", &at.to_string(), PATIENCE)
        .expect("nginx listens");
    conn.set_deadline(PATIENCE * 2).expect("it is open");
    let request = format!("GET /big HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    conn.write(request.as_bytes()).expect("nginx reads");
    let mut reply = BufReader::new(&conn);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        (&mut reply)
            .take(8_192)
            .read_line(&mut line)
            .expect("a line");
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_ascii_lowercase());
    }
    assert_eq!(head.first().map(String::as_str), Some("http/1.1 200 ok"));
    assert!(
        head.contains(&format!("content-length: {OCTETS}")),
        "{head:?}"
    );
    assert_eq!(hash(reply), hash(Pattern::new(SEED, OCTETS)));
}
