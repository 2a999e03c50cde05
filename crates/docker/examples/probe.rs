//! probe
use docker::*;
use std::time::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let c = match Credentials::from_directory(a[2].as_ref()) { Ok(c) => c, Err(f) => { println!("{}", f.render()); return } };
    println!("{:?}", c.warnings());
    let i = match Identity::check(&c, SystemTime::now(), Duration::from_secs(86400 * 14)) { Ok(c) => c, Err(f) => { println!("{}", f.render()); return } };
    println!("{:?}", i.warnings);
    let e = match Endpoint::parse(&a[1], docker::endpoint::Source::Variable("DOCKER_SWARM_MASTER".into())) { Ok(c) => c, Err(f) => { println!("{}", f.render()); return } };
    let cl = Cluster::new(e, i.identity, Limits::default());
    let t = Instant::now();
    let r = cl.check().await;
    println!("{:?}", t.elapsed());
    match r { Ok(f) => println!("{f:?}"), Err(f) => { println!("{:?} {}", f.blame(), f.render()); return } }
    let t = Instant::now();
    println!("{:?}", cl.docker().unwrap().version().await.map(|v| v.api_version));
    println!("second {:?}", t.elapsed());
    let t = Instant::now();
    for _ in 0..100 { cl.check().await.unwrap(); }
    println!("info x100 {:?}", t.elapsed());
    let t = Instant::now();
    for _ in 0..100 { let mut r = http::Request::new(docker::transport::empty()); *r.uri_mut() = "/_ping".parse().unwrap(); let r = cl.transport().send(r).await.unwrap(); http_body_util::BodyExt::collect(r.into_body()).await.unwrap(); }
    println!("ping x100 {:?}", t.elapsed());
}
