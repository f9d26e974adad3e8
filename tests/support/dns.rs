//! A DNS server for one `mongodb+srv` name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const A: u16 = 1;
const SRV: u16 = 33;
const IN: u16 = 1;

/// Where it listens: programs ask port 53 only.
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 53, 53, 53));

/// The name that stands in a connection string.
pub(crate) const NAME: &str = "cluster.playarr.test";

/// The host that runs the server. It must be in the domain of [`NAME`].
const HOST: &str = "db.playarr.test";

/// A running DNS server. Dropping it ends it.
pub(crate) struct Dns(JoinHandle<()>);

impl Dns {
    /// Says that MongoDB is on this port of 127.0.0.1.
    pub(crate) async fn start(mongodb_port: u16) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(ADDRESS, 53)).await.expect("the test runs as root");
        Self(tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                if let Some(answer) = answer(&query[..length], mongodb_port) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        }))
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The answer by RFC 1035: the question again, and the record if there is one.
fn answer(query: &[u8], mongodb_port: u16) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    let (mut name, mut at) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = query.get(HEADER..at + 4)?;
    let record = match (name.join("."), kind) {
        (name, SRV) if name == format!("_mongodb._tcp.{NAME}") => {
            let mut record = vec![0, 0, 0, 0];
            record.extend(mongodb_port.to_be_bytes());
            for label in HOST.split('.') {
                record.push(u8::try_from(label.len()).ok()?);
                record.extend(label.as_bytes());
            }
            record.push(0);
            Some(record)
        }
        (name, A) if name == HOST => Some(Ipv4Addr::LOCALHOST.octets().to_vec()),
        _ => None,
    };
    let mut answer = query[..2].to_vec();
    // A response without an error: one question, and as many answers as there are records.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    answer.extend(question);
    if let Some(record) = record {
        // The name of the question, and a second of life.
        answer.extend([0xc0, 0x0c]);
        answer.extend([kind, IN].map(u16::to_be_bytes).concat());
        answer.extend(1_u32.to_be_bytes());
        answer.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        answer.extend(record);
    }
    Some(answer)
}
