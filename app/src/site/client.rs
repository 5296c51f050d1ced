//! The address that a request comes from.
//!
//! Anybody can write `X-Forwarded-For`. It is read only when the request comes from a proxy that the settings name, and
//! of its addresses the last one counts that is no such proxy: all before it is what a stranger wrote.

use std::net::{IpAddr, Ipv4Addr};

use config::Config;
use rocket::request::Request;

/// The client's address.
pub fn address(request: &Request<'_>) -> IpAddr {
    let peer = request.remote().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip().to_canonical());
    let proxies = request.rocket().state::<Config>().map_or(&[][..], |config| &config.trusted_proxies);
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(&address));

    let headers: Vec<_> = request.headers().get("X-Forwarded-For").flat_map(|list| list.split(',')).collect();
    let mut client = peer;
    for hop in headers.iter().rev() {
        if !is_proxy(client) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}
