// check: do certificates and keys fit together, and how long do they last?
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "check_report.hpp"
#include "core/freed.hpp"
#include "words.hpp"

namespace sluice::ctl {
namespace {

using File = std::unique_ptr<std::FILE, Freed<std::fclose>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

File open(CheckReport& report, const std::filesystem::path& path) {
  File file(std::fopen(path.c_str(), "re"));
  if (!file) {
    const auto error = errno;
    report.fail("certificate", fmt::format("{}: {}{}", path.string(), std::strerror(error),
                                           error == EACCES ? ": run this with sudo" : ""));
  }
  return file;
}

// Seconds from the clock's wall time; OpenSSL compares with any time that it is given.
long long seconds_until(const ASN1_TIME* when, const Clock& clock) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> base(ASN1_TIME_set(nullptr, now));
  int days = 0, seconds = 0;
  ASN1_TIME_diff(&days, &seconds, base.get(), when);
  return days * 86400LL + seconds;
}

void check_pair(CheckReport& report, const std::string& whose, const TlsFiles& files, const Clock& clock) {
  const auto file = open(report, files.certificate);
  if (!file) return;
  const Certificate certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (!certificate)
    return report.fail("certificate",
                       fmt::format("{}: {} is no PEM certificate", whose, files.certificate.string()));
  if (!files.key.empty()) {
    const auto key_file = open(report, files.key);
    if (!key_file) return;
    const Key key(
        PEM_read_PrivateKey(key_file.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
    if (!key) {
      return report.fail("certificate", fmt::format("{}: {} is no PEM private key without a passphrase",
                                                    whose, files.key.string()));
    }
    if (X509_check_private_key(certificate.get(), key.get()) != 1) {
      return report.fail("certificate", fmt::format("{}: {} is not the key of {}", whose, files.key.string(),
                                                    files.certificate.string()));
    }
  }
  if (const auto begins = seconds_until(X509_get0_notBefore(certificate.get()), clock); begins > 0) {
    return report.fail("certificate", fmt::format("{}: {} is valid only in {}: is the clock right?", whose,
                                                  files.certificate.string(),
                                                  duration_in_words(static_cast<double>(begins))));
  }
  const auto left = seconds_until(X509_get0_notAfter(certificate.get()), clock);
  const auto words = duration_in_words(static_cast<double>(left < 0 ? -left : left));
  if (left < 0) {
    report.fail("certificate",
                fmt::format("{}: {} expired {} ago: replace it", whose, files.certificate.string(), words));
  } else if (left < 30 * 86400) {
    report.warn("certificate",
                fmt::format("{}: {} expires in {}{}: replace it", whose, files.certificate.string(), words,
                            left < 86400       ? ", TOMORROW AT THE LATEST"
                            : left < 7 * 86400 ? ", this week"
                                               : ""));
  } else {
    report.pass("certificate", fmt::format("{}: lasts {}", whose, words));
  }
}

}  // namespace

void check_certificates(CheckReport& report, const Options& options, const Clock& clock) {
  if (!options.cloud.tls.certificate.empty())
    check_pair(report, "gateway " + options.thing, options.cloud.tls, clock);
  for (const auto& listener : options.listen) {
    if (!listener.tls.certificate.empty())
      check_pair(report, "listener " + listener.text, listener.tls, clock);
  }
  std::map<std::string, TlsFiles> devices;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options.certificates, ignored)) {
    if (entry.path().extension() != ".crt") continue;
    auto key = entry.path();
    devices[entry.path().stem().string()] = {entry.path(), key.replace_extension(".key"), {}};
  }
  for (const auto& device : options.devices) {
    if (!device.certificate.certificate.empty()) devices[device.id] = device.certificate;
  }
  // A fleet's worth of good rows would hide the bad one.
  CheckReport of_devices;
  for (const auto& [id, files] : devices) check_pair(of_devices, "device " + id, files, clock);
  std::size_t good = 0;
  for (const auto& f : of_devices.findings()) {
    if (f.kind == Finding::Kind::pass) ++good;
    if (f.kind == Finding::Kind::warn) report.warn(f.name, f.text);
    if (f.kind == Finding::Kind::fail) report.fail(f.name, f.text);
  }
  if (good > 0) report.pass("certificate", fmt::format("{} devices: each lasts 30 days or more", good));
}

}  // namespace sluice::ctl
