//! A certificate authority, as operators have one for their own network.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// Somebody who vouches for services and clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::made(name, None)
    }

    /// One that is valid in these days, counted from today.
    pub(crate) fn valid(name: &str, days: Range<i64>) -> Self {
        Self::made(name, Some(days))
    }

    fn made(name: &str, days: Option<Range<i64>>) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        last(&mut params, days);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, which those who trust it have.
    pub(crate) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// What a service on this machine shows.
    pub(crate) fn service(&self) -> Identity {
        self.service_in(None)
    }

    /// The same, valid in these days, counted from today.
    pub(crate) fn service_valid(&self, days: Range<i64>) -> Identity {
        self.service_in(Some(days))
    }

    fn service_in(&self, days: Option<Range<i64>>) -> Identity {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, days)
    }

    /// What a client shows.
    pub(crate) fn client(&self) -> Identity {
        self.sign(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, None)
    }

    fn sign(&self, names: Vec<String>, purpose: ExtendedKeyUsagePurpose, days: Option<Range<i64>>) -> Identity {
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "playarr-metrics");
        params.insert_extended_key_usage(purpose);
        last(&mut params, days);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// Makes a certificate valid in these days, counted from today, if they are given.
fn last(params: &mut CertificateParams, days: Option<Range<i64>>) {
    let day = |day: i64| {
        let seconds = Duration::from_secs(day.unsigned_abs() * 24 * 60 * 60);
        if day < 0 { SystemTime::now() - seconds } else { SystemTime::now() + seconds }
    };
    if let Some(days) = days {
        params.not_before = day(days.start).into();
        params.not_after = day(days.end).into();
    }
}
