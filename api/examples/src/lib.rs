//! What the examples share: a network of one's own with the kernel at its other end, and real
//! programs there to talk with.
//!
//! Each example is a whole program: `cargo run -p sidestep-examples --bin ureq_client`. The stack
//! is on a TUN device as 192.0.2.2 and 2001:db8::2; the programs use the kernel's TCP as 192.0.2.1
//! and 2001:db8::1. All of it is in a network namespace that ends with the program.

use std::error::Error;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use sidestep::Net;
use sidestep::ResolverSettings;
use sidestep_tools::bring_up::Plan;
use sidestep_tools::namespace::enter_own_network;

/// What an example's `main` gives.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The name of the server at the kernel's side.
pub const SERVER_NAME: &str = "nginx.example";

/// What nginx serves at `/`.
pub const PAGE: &str = "Served by nginx, carried by Sidestep.\n";

/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack on a TUN device in a network of its own. Call it first thing in `main`.
///
/// # Errors
///
/// A right is missing; the text says which, and what to do.
pub fn net_on_tun() -> Outcome<Net> {
    enter_own_network().map_err(|error| {
        let hint = error.hint().unwrap_or_default();
        format!("no network of our own: {error}. {hint}")
    })?;
    let plan = Plan {
        resolver: Some(ResolverSettings {
            hosts: format!("192.0.2.1 {SERVER_NAME}\n2001:db8::1 {SERVER_NAME}\n"),
            ..ResolverSettings::default()
        }),
        ..Plan::default()
    };
    Ok(plan.on_tun()?)
}

/// A certificate of our own for `name`, and a client's configuration that trusts it alone.
///
/// # Errors
///
/// There is no randomness for a key.
pub fn certificate(name: &str) -> Outcome<(CertifiedKey<KeyPair>, ClientConfig)> {
    let certified = generate_simple_self_signed([name.to_owned()])?;
    let trusted: CertificateDer<'static> = certified.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(trusted)?;
    let config =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok((certified, config))
}

/// nginx on the kernel's side: HTTP at port 80, TLS at port 443. It ends when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    directory: PathBuf,
    certificate_pem: String,
}

impl Nginx {
    /// Starts it; it listens when this returns. The configuration is one that trusts it.
    ///
    /// # Errors
    ///
    /// nginx is not installed, or does not start.
    pub fn start() -> Outcome<(Self, ClientConfig)> {
        let (certified, config) = certificate(SERVER_NAME)?;
        let directory =
            std::env::temp_dir().join(format!("sidestep-example-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("index.html"), PAGE)?;
        fs::write(directory.join("cert.pem"), certified.cert.pem())?;
        fs::write(
            directory.join("key.pem"),
            certified.signing_key.serialize_pem(),
        )?;
        fs::write(directory.join("nginx.conf"), nginx_conf(&directory))?;
        let process = Command::new(find("nginx")?)
            .arg("-p")
            .arg(&directory)
            .arg("-c")
            .arg(directory.join("nginx.conf"))
            .arg("-e")
            .arg(directory.join("errors"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut nginx = Self {
            process,
            directory,
            certificate_pem: certified.cert.pem(),
        };
        let since = Instant::now();
        // Through the kernel, so that the stack's first packet is the example's.
        while let Err(error) = TcpStream::connect("192.0.2.1:443") {
            if let Some(status) = nginx.process.try_wait()? {
                let errors = fs::read_to_string(nginx.directory.join("errors"));
                return Err(format!("nginx: {status}: {}", errors.unwrap_or_default()).into());
            }
            if since.elapsed() > PATIENCE {
                return Err(error.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok((nginx, config))
    }

    /// Its certificate, in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself, and the directory may be gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn nginx_conf(directory: &Path) -> String {
    let here = directory.display();
    format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;\n\
         events {{ worker_connections 64; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {here}/a; proxy_temp_path {here}/b;\n\
           fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
           ssl_certificate {here}/cert.pem; ssl_certificate_key {here}/key.pem;\n\
           server {{\n\
             listen 192.0.2.1:80; listen [2001:db8::1]:80;\n\
             listen 192.0.2.1:443 ssl; listen [2001:db8::1]:443 ssl;\n\
             root {here};\n\
           }}\n\
         }}\n"
    )
}

/// What curl prints for `url`, fetched with the kernel's TCP.
///
/// # Errors
///
/// curl is not installed, or fails.
pub fn curl(url: &str) -> Outcome<String> {
    let output = Command::new(find("curl")?)
        // Nobody's settings or proxies.
        .args(["-q", "--noproxy", "*", "--silent", "--show-error", "--fail"])
        .args(["--max-time", "20", url])
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("curl {url}: {}: {said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where a program is. Servers are not on everybody's path.
fn find(program: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            let missing = format!("{program} is not installed (apt-get install {program})");
            io::Error::new(io::ErrorKind::NotFound, missing)
        })
}

/// Runs a future to its end on a tokio runtime of this thread.
///
/// # Errors
///
/// What the future says, or there is no runtime.
pub fn block_on<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Fails unless `seen` is `expected`.
///
/// # Errors
///
/// It is not.
pub fn expect(what: &str, seen: &str, expected: &str) -> Outcome<()> {
    if seen != expected {
        return Err(format!("{what}: {seen:?} instead of {expected:?}").into());
    }
    println!("{what}: {}", seen.trim_end());
    Ok(())
}
