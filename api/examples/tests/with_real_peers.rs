//! Each example does what it is for: other libraries over Sidestep, with real peers.

#![allow(clippy::expect_used)]

use std::process::Command;

/// Runs an example; what it says last is what it saw.
fn succeeds(program: &str) {
    let output = Command::new(program).output().expect("it was built");
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program}: {said}{complained}");
    println!("{program}: {}", said.lines().last().unwrap_or_default());
}

macro_rules! examples {
    ($($name:ident)*) => {
        $(
            #[test]
            #[ignore = "needs curl and nginx: .ci/run installs them"]
            fn $name() {
                succeeds(env!(concat!("CARGO_BIN_EXE_", stringify!($name))));
            }
        )*

        /// No example is left out.
        #[test]
        fn every_example_has_its_test() {
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin");
            let mut files: Vec<String> = std::fs::read_dir(directory)
                .expect("is there")
                .filter_map(|entry| {
                    let name = entry.expect("is readable").file_name();
                    Some(name.to_str()?.strip_suffix(".rs")?.to_owned())
                })
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

examples! {
    axum_server
    hyper_client
    quinn_echo
    rustls_client
    tokio_rustls_client
    tonic_health
    ureq_client
}
