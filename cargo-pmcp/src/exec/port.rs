//! Ports of this machine.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Whether nobody listens on this port of this machine.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody does.
pub(crate) fn has_listener(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
