//! The requirements of the RFCs, one test for each, on the wire and in virtual time.
//!
//! Every test is named after the line of `requirements.tsv` that it shows. A scripted peer speaks to
//! the six doors of the stack; nothing here looks inside. One file holds one chapter.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod addresses;
mod bad_tcp;
mod congestion;
mod dns_messages;
mod dns_replies;
mod dns_scene;
mod dns_streams;
mod fragments;
mod recovery;
mod rfc1122;
mod rfc2018;
mod rfc4443;
mod rfc5961;
mod rfc7323;
mod rfc8200;
mod rfc9293_closing;
mod rfc9293_giving_up;
mod rfc9293_header;
mod rfc9293_lower_layer;
mod rfc9293_opening;
mod rfc9293_segment_arrives;
mod rfc9293_segmentation;
mod rfc9293_urgent;
mod rfc9293_windows;
mod rfc9406;
