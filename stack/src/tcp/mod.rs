//! Connections: the doors of TCP, until the state machine stands behind them.
#![allow(missing_docs)]
use crate::base::*;
use crate::call::*;
use crate::config::Config;
use crate::context::Context;
use crate::event::Event;
use crate::wire::packet::*;
use crate::wire::path_error::*;
use alloc::boxed::Box;
use bytes::Bytes;
use core::net::*;
#[derive(Clone, Copy, Debug)]
pub struct PathTo {
    pub source: IpAddr,
    pub path_mtu_octets: u16,
    pub link_mtu_octets: u16,
}
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TcpCounts {}
#[derive(Clone, Debug)]
pub struct Tcp {}
impl Tcp {
    pub fn new(_: &Config, _: &mut Random) -> Self {
        Self {}
    }
    pub fn datagram_arrives(&mut self, _: &mut Context<'_>, _: Datagram, _: PathTo) {}
    pub fn open(
        &mut self,
        _: &mut Context<'_>,
        _: &OpenConnection,
        _: PathTo,
    ) -> Result<(ConnectionId, SocketAddr), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn listen(
        &mut self,
        _: &mut Context<'_>,
        _: &Listen,
    ) -> Result<(ListenerId, u16), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn accept(
        &mut self,
        _: &mut Context<'_>,
        _: ListenerId,
    ) -> Result<Option<Accepted>, CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn close_listener(
        &mut self,
        _: &mut Context<'_>,
        _: ListenerId,
    ) -> Result<(), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn send(
        &mut self,
        _: &mut Context<'_>,
        _: ConnectionId,
        _: Bytes,
    ) -> Result<usize, CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn receive(
        &mut self,
        _: &mut Context<'_>,
        _: ConnectionId,
        _: usize,
    ) -> Result<Received, CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn shutdown(
        &mut self,
        _: &mut Context<'_>,
        _: ConnectionId,
        _: Shutdown,
    ) -> Result<(), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn release(
        &mut self,
        _: &mut Context<'_>,
        _: ConnectionId,
        _: Release,
    ) -> Result<(), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn status(&self, _: &Context<'_>, _: ConnectionId) -> Result<Box<Status>, CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn set_options(
        &mut self,
        _: &mut Context<'_>,
        _: ConnectionId,
        _: &ConnectionOptions,
    ) -> Result<(), CallRefused> {
        Err(CallRefused::Invalid)
    }
    pub fn time_passes(&mut self, _: &mut Context<'_>) {}
    pub fn next_segment(&mut self, _: &mut Context<'_>) -> Option<Outgoing> {
        None
    }
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    pub fn next_event(&mut self) -> Option<Event> {
        None
    }
    pub fn quote_is_in_flight(&self, _: &Quote) -> bool {
        false
    }
    pub fn path_error(&mut self, _: &mut Context<'_>, _: &PathError) {}
    pub fn path_mtu_changed(&mut self, _: &mut Context<'_>, _: IpAddr, _: u16) {}
    pub fn counts(&self) -> TcpCounts {
        TcpCounts {}
    }
}
