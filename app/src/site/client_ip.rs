//! The client IP of a request.
//!
//! A client can send any `X-Forwarded-For`. It is read only if the request comes from a trusted proxy. The client IP is
//! then the last address in it that is not a trusted proxy; the addresses before that one are not trustworthy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use config::Config;
use rocket::request::Request;

/// The client IP.
pub fn client_ip(request: &Request<'_>) -> IpAddr {
    let peer = request.remote().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip().to_canonical());
    let proxies = request.rocket().state::<Config>().map_or(&[][..], |config| &config.trusted_proxies);
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(&address));

    let hops: Vec<_> = request.headers().get("X-Forwarded-For").flat_map(|list| list.split(',')).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !is_proxy(client) {
            break;
        }
        let Some(address) = parse(hop) else { break };
        client = address.to_canonical();
    }
    client
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:4000`, `2001:db8::1`, `[2001:db8::1]:4000`.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim().trim_matches('"');
    let without_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.trim_matches(['[', ']']).parse().ok().or_else(without_port)
}
