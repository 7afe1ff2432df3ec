#include "cloud/local/devices.hpp"

#include <mutex>
#include <nlohmann/json.hpp>

#include "cloud/lambda/token_check.hpp"
#include "cloud/local/registry/aws_refusal.hpp"
#include "cloud/local/registry/record_folder.hpp"

namespace sluice::cloud {
namespace {

using lambda::DeviceRecord;
using nlohmann::json;

// The columns have the names that they have in DynamoDB.
std::string to_text(const DeviceRecord& r) {
  const json row = {{"accessToken", r.token_hash},   {"product", r.product},        {"region", r.region},
                    {"timestamp", r.timestamp},      {"applyState", r.apply_state}, {"certID", r.cert_id},
                    {"attempt", r.attempt},          {"claimUntil", r.claim_until}, {"keyHash", r.key_hash},
                    {"pendingCert", r.pending_cert}, {"retiring", r.retiring}};
  return row.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

result<DeviceRecord> parse_device(const std::string& productid, const std::string& text) {
  try {
    const json row = json::parse(text);
    DeviceRecord r;
    r.productid = productid;
    r.token_hash = row.at("accessToken").get<std::string>();
    r.product = row.value("product", "");
    r.region = row.value("region", "");
    r.timestamp = row.value("timestamp", std::int64_t{0});
    r.apply_state = row.value("applyState", lambda::kNew);
    r.cert_id = row.value("certID", "");
    r.attempt = row.value("attempt", "");
    r.claim_until = row.value("claimUntil", std::int64_t{0});
    r.key_hash = row.value("keyHash", "");
    r.pending_cert = row.value("pendingCert", "");
    r.retiring = row.value("retiring", std::vector<std::string>{});
    return r;
  } catch (const json::exception& e) {
    return Error{errc::corrupt, e.what()};
  }
}

class DeviceFolder final : public lambda::DeviceTable {
 public:
  DeviceFolder(std::filesystem::path folder, Log log)
      : rows_(std::move(folder), ".json", parse_device, std::move(log)) {}

  aws::result<std::optional<DeviceRecord>> find(std::string_view productid) override {
    const std::scoped_lock lock(mutex_);
    // It becomes a file's name.
    if (!lambda::valid_productid(productid)) return std::optional<DeviceRecord>();
    const auto row = rows_.find(productid);
    if (row) return std::optional(*row);
    if (std::filesystem::exists(rows_.file(productid)))
      return internal_failure({errc::corrupt, rows_.file(productid).string() + " cannot be read"});
    return std::optional<DeviceRecord>();
  }

  aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
    const std::scoped_lock lock(mutex_);
    const auto row = rows_.find(seen.productid);
    if (!row) return false;
    DeviceRecord written = next;
    written.productid = row->productid;
    written.token_hash = row->token_hash;
    written.product = row->product;
    if (*row == written) return true;
    if (row->token_hash != seen.token_hash || row->apply_state != seen.apply_state ||
        row->attempt != seen.attempt || row->cert_id != seen.cert_id ||
        row->pending_cert != seen.pending_cert) {
      return false;
    }
    if (auto done = write(written); !done) return done.error();
    return true;
  }

  aws::result<void> put(const DeviceRecord& record) override {
    const std::scoped_lock lock(mutex_);
    if (!lambda::valid_productid(record.productid))
      return invalid_request("a productid is [a-zA-Z0-9:_-]{1,128}");
    return write(record);
  }

 private:
  aws::result<void> write(const DeviceRecord& record) {
    return as_aws(rows_.write(record.productid, to_text(record), 0600));
  }

  std::mutex mutex_;
  RecordFolder<DeviceRecord> rows_;
};

}  // namespace

std::unique_ptr<lambda::DeviceTable> open_devices(const std::filesystem::path& folder, Log log) {
  return std::make_unique<DeviceFolder>(folder, std::move(log));
}

}  // namespace sluice::cloud
