//! MongoDB in a container of its official image, through testcontainers.

use std::{collections::HashMap, ffi::OsString, path::Path, time::Duration};

use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, bollard::models::PortBinding, core::ContainerPort,
    runners::AsyncRunner,
};
use tokio::time::sleep;

use crate::{SandboxError, command, probe, watcher, watcher::Watcher};

const IMAGE: &str = "mongo";
const TAG: &str = "6.0.5";
const PORT: ContainerPort = ContainerPort::Tcp(27017);

/// A container with a server that answers. Dropping it removes it and its volumes; so does the end
/// of this process, however it comes.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) port: u16,
    _watcher: Watcher,
}

impl Container {
    /// Starts the container. Must run on the lasting runtime: testcontainers keeps its connection
    /// to Docker for the next container.
    pub(crate) async fn start(docker: &Path) -> Result<Self, SandboxError> {
        // testcontainers would wait for a daemon that hangs; and only the client can clean up after us.
        let version = ["version", "--format", "{{.Server.Version}}"];
        let remedy = "start Docker and install its command line client";
        command::run(docker, &version, Duration::from_secs(5), remedy).await?;

        let name = format!("playarr-sandbox-{:016x}", rand::random::<u64>());
        let arguments: [OsString; 2] = [docker.into(), name.clone().into()];
        let (mut watcher, ..) = Watcher::start(watcher::CONTAINER, &arguments)?;
        let container = request(&name).start().await.map_err(|error| failed(&error.to_string()))?;
        // The watcher removes it. The handle's own destructor would do so too, but panics where no
        // runtime runs, so it must not run at all.
        let container = std::mem::ManuallyDrop::new(container);
        watcher.order("started")?;

        // A client set up for another daemon than testcontainers found could not clean up.
        let remedy = "let DOCKER_HOST name the daemon that the docker client uses";
        let inspect = ["inspect", "--format", "{{.Id}}", &name];
        if let Err(reason) = command::run(docker, &inspect, Duration::from_secs(5), remedy).await {
            drop(std::mem::ManuallyDrop::into_inner(container));
            return Err(reason);
        }
        let port = container.get_host_port_ipv4(PORT).await.map_err(|error| failed(&error.to_string()))?;
        tokio::select! {
            ready = probe::started(port, None, Duration::from_secs(60)) => ready?,
            log = ended(&container) => return Err(failed(&format!("its mongod ended; {log}"))),
        }
        Ok(Self { name, port, _watcher: watcher })
    }
}

/// What is asked of testcontainers.
fn request(name: &str) -> ContainerRequest<GenericImage> {
    let mongod = ["mongod", "--bind_ip_all", "--quiet", "--wiredTigerCacheSizeGB", "0.25"];
    GenericImage::new(IMAGE, TAG)
        .with_exposed_port(PORT)
        .with_cmd(mongod)
        .with_container_name(name)
        .with_host_config_modifier(|host| {
            // Left alone the port would be open to the whole network.
            let loopback = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
            host.publish_all_ports = Some(false);
            host.port_bindings = Some(HashMap::from([(PORT.to_string(), Some(vec![loopback]))]));
        })
}

/// Returns when the container no longer runs, with the end of its log.
async fn ended(container: &ContainerAsync<GenericImage>) -> String {
    while container.is_running().await.unwrap_or(false) {
        sleep(Duration::from_millis(250)).await;
    }
    let log = container.stdout_to_vec().await.unwrap_or_default();
    command::tail(&String::from_utf8_lossy(&log), 4)
}

fn failed(found: &str) -> SandboxError {
    SandboxError::Container {
        image: image(),
        found: found.to_owned(),
        remedy: "check the network, or give Docker the image (docker load, docker import)",
    }
}

pub(crate) fn image() -> String {
    format!("{IMAGE}:{TAG}")
}
