//! `holdfast export`: serve a recovery point as a disk until interrupted.

use std::path::Path;
use std::sync::Arc;

use disk::Access;
use export::{Base, Disk, Export, Image, Overlay, Server};
use operations::{Failure, PointImage, default_cache, volume_image, volume_number};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::access::{open, unlock};
use crate::arguments;
use crate::interrupt;
use crate::output::Output;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Export, output: &Output) -> Result<(), Failure> {
    if let Some(change) = &arguments.change {
        return remote::change_export(change, output);
    }
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::export(&engine, arguments, output);
    }
    if arguments.socket.is_none() && arguments.listen.is_none() {
        return Err(Failure::new("nobody could connect", "add --socket or --listen"));
    }
    let pool = open(&arguments.pool, Access::ReadOnly, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let point = pool.point(&access, arguments.point.as_deref().unwrap_or_default())?;
    let number = volume_number(&point, arguments.volume.as_deref())?;
    let cache = arguments.cache.unwrap_or_else(default_cache);
    let image = volume_image(&point, number, cache as usize)?;
    let image: Arc<dyn Image> = Arc::new(PointImage(image));
    let base = Base { point: point.point.id, volume: number as u32 };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    interrupt::runtime(threads)?.block_on(serve(arguments, image, base, output))
}

async fn serve(
    arguments: &arguments::Export,
    image: Arc<dyn Image>,
    base: Base,
    output: &Output,
) -> Result<(), Failure> {
    let disk = match &arguments.overlay {
        None => Disk::ReadOnly(image),
        Some(path) => {
            let overlay = Overlay::open(path, base, image).await;
            let next = "use the overlay with its own recovery point, or name a new file";
            Disk::Writable(Arc::new(overlay.map_err(|error| Failure::new(error, next))?))
        }
    };
    let read_only = arguments.overlay.is_none();
    let mut names = vec![String::new()];
    if !arguments.name.is_empty() {
        names.push(arguments.name.clone());
    }
    let exports = names.into_iter().map(|name| Export { name, disk: disk.clone(), read_only });
    let refused = |error| Failure::new(error, "choose another socket, address or name");
    let server = Server::new(exports.collect()).map_err(refused)?;
    if let Some(socket) = &arguments.socket {
        server.serve_unix(socket).await.map_err(refused)?;
    }
    let mut address = None;
    if let Some(listen) = arguments.listen {
        let tls = tls_config(arguments)?;
        address = Some(server.serve_tcp(listen, Some(tls)).await.map_err(refused)?);
    }
    // Who reads that it serves may end it at once.
    let requested = interrupt::requested();
    let value = json!({
        "socket": arguments.socket,
        "address": address.map(|address| address.to_string()),
        "point": base.point.to_string(),
        "read_only": read_only,
    });
    output.result(&value, || {
        let socket =
            arguments.socket.iter().map(|path| format!("nbd+unix:///?socket={}", path.display()));
        let tcp = address.iter().map(|address| format!("nbds://{address}"));
        format!(
            "serving recovery point {} at {}",
            base.point,
            socket.chain(tcp).collect::<Vec<_>>().join(" and ")
        )
    });
    requested.await;
    let next = "check the file system of the overlay; what was flushed before is safe";
    server.shutdown().await.map_err(|error| Failure::new(error, next))?;
    Ok(())
}

fn tls_config(arguments: &arguments::Export) -> Result<Arc<rustls::ServerConfig>, Failure> {
    let next = "give a PEM file";
    let bad = |path: &Path| {
        let what = format!("{} cannot be used for TLS", path.display());
        move |error: &dyn std::fmt::Display| Failure::new(format!("{what}: {error}"), next)
    };
    let (Some(certificate), Some(key)) = (&arguments.tls_certificate, &arguments.tls_key) else {
        return Err(Failure::new("no certificate", "add --tls-certificate and --tls-key"));
    };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| bad(certificate)(&error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key)(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| bad(certificate)(&error))?;
    let builder = match &arguments.tls_clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            let authorities = CertificateDer::pem_file_iter(path);
            for authority in authorities.map_err(|error| bad(path)(&error))? {
                let authority = authority.map_err(|error| bad(path)(&error))?;
                roots.add(authority).map_err(|error| bad(path)(&error))?;
            }
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().map_err(|error| bad(path)(&error))?)
        }
    };
    let config = builder.with_single_cert(chain, private);
    Ok(Arc::new(config.map_err(|error| bad(certificate)(&error))?))
}
