// check: what provisioning needs on this machine, and how the running daemon's identities are.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "check_report.hpp"
#include "client.hpp"
#include "json_fields.hpp"
#include "words.hpp"

namespace sluice::ctl {
namespace {

constexpr std::int64_t kDay = 86'400'000;  // ms

void check_seal(CheckReport& report, const Options& options) {
  const auto& seal = options.cloud.provisioning.seal;
  if (seal.with == SealOptions::With::credential)
    return report.pass("seal", "a systemd credential, which only the daemon sees: " + seal.credential);
  const bool tpm = seal.with == SealOptions::With::tpm;
  const auto path =
      !seal.file.empty() ? seal.file : options.store.directory / (tpm ? "seal.tpm" : "seal.key");
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    const auto error = errno;
    if (error == ENOENT)
      return report.warn("seal", path.string() + " does not exist yet: sluiced makes it at its first start");
    return report.fail("seal", fmt::format("{}: {}{}", path.string(), std::strerror(error),
                                           error == EACCES ? ": run this with sudo" : ""));
  }
  if ((info.st_mode & 0077U) != 0) {
    return report.fail(
        "seal", fmt::format("{} is open to others (mode {:04o}), sluiced does not use it: chmod 0600 {}",
                            path.string(), info.st_mode & 07777U, path.string()));
  }
  report.pass("seal",
              fmt::format("{}: for the daemon only{}", path.string(), tpm ? ", sealed by the TPM" : ""));
}

void check_expiry(CheckReport& report, const std::string& whose, const nlohmann::json& identity,
                  std::int64_t now, std::size_t& good) {
  const auto expires = static_cast<std::int64_t>(number_of(identity, "expires_ms"));
  if (expires == 0 || text_of(identity, "state") == "refused") return;
  const auto left = expires - now;
  if (left < 0) {
    report.fail("identity",
                fmt::format("{}: its certificate has expired: sluicectl rotate {}", whose, whose));
  } else if (left < 7 * kDay) {
    report.warn("identity", fmt::format("{}: its certificate expires in {}: why was it not rotated?", whose,
                                        duration_in_words(static_cast<double>(left) / 1000)));
  } else {
    ++good;
  }
}

}  // namespace

void check_identity(CheckReport& report, const Options& options, Client& client, const Clock& clock) {
  if (options.cloud.provisioning.method == ProvisioningOptions::Method::given) return;
  check_seal(report, options);
  const auto answer = client.ask("status");
  const auto devices = answer.good ? client.ask("devices") : answer;
  if (!devices.good) return report.skip("identity", "only the running daemon knows");
  const auto identity = object_of(answer.result, "identity");
  if (identity.empty()) return report.fail("identity", "the daemon provisions nothing: see the row `daemon`");
  const auto gateway = object_of(identity, "gateway");
  const auto state = text_of(gateway, "state", "unknown");
  if (state != "active" && !state.starts_with("rotating") && state != "retiring") {
    const auto why = text_of(gateway, "error");
    const auto text = fmt::format("the gateway's own is {}{}{}", state, why.empty() ? "" : ": ", why);
    if (state == "refused" || state == "revoked") {
      report.fail("identity", text + ": sluicectl provision --gateway --again");
    } else {
      report.warn("identity", text);
    }
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
  std::size_t good = 0;
  check_expiry(report, options.thing, gateway, now, good);
  if (devices.result.is_array()) {
    for (const auto& device : devices.result)
      check_expiry(report, text_of(device, "id"), object_of(device, "identity"), now, good);
  }
  report.pass("identity", fmt::format("{} certificates in order; states: {}", good,
                                      object_of(identity, "counts").dump()));
}

}  // namespace sluice::ctl
