//! A gateway on stage, between the two that are played.

use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use gateway::policy::{Permit, Policy};
use gateway::witness::Witness;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use crate::cluster::Cluster;
use crate::job::{Job, Wire};

/// The cluster's end of one connection.
pub(crate) type Engine = Wire<TlsStream<TcpStream>>;

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) gateway: Gateway,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::with(Permit).await
    }

    pub(crate) async fn with(policy: impl Policy + 'static) -> Self {
        let cluster = Cluster::start().await;
        let gateway = Gateway::new(cluster.transport.clone(), policy);
        Self { cluster, gateway }
    }

    pub(crate) async fn witnessed_by(witness: Arc<dyn Witness>) -> Self {
        let Self { cluster, gateway } = Self::set().await;
        Self { cluster, gateway: gateway.witnessed_by(witness) }
    }

    /// A new connection of the job.
    pub(crate) fn job(&self) -> Job {
        let (job, end) = tokio::io::duplex(16 * 1024);
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.serve(end).await });
        Wire::new(job)
    }

    /// A new connection of the job, which can break.
    pub(crate) async fn job_over_tcp(&self) -> Wire<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let job = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (end, _) = listener.accept().await.unwrap();
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.serve(end).await });
        Wire::new(job)
    }

    /// A job that has asked, and the engine that has heard the same request's head.
    pub(crate) async fn ask(&self, request: &str) -> (Job, Engine, String) {
        let mut job = self.job();
        job.say(request).await;
        let mut engine = self.cluster.accept().await;
        let head = engine.head().await;
        (job, engine, head)
    }
}

/// A request with a body.
pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Lets this much time pass at once, for all timers that are set once nobody has anything to do.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}
