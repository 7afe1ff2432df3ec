#include "cloud/lambda/device_table_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

namespace sluice::lambda {
namespace {

using nlohmann::json;
using Rows = std::map<std::string, DeviceRecord, std::less<>>;

constexpr std::uintmax_t kMostFile = 256ULL * 1024 * 1024;

aws::Error trouble(std::string text) {
  return {.kind = aws::Error::Kind::unavailable,
          .status = 0,
          .code = {},
          .text = std::move(text),
          .retry_after = {}};
}

// The columns have the names that they have in DynamoDB.
json to_row(const DeviceRecord& r) {
  json row{{"productid", r.productid}, {"accessToken", r.token_hash}, {"applyState", r.apply_state}};
  const auto add = [&row](const char* name, const auto& value) {
    if (value != std::decay_t<decltype(value)>{}) row[name] = value;
  };
  add("product", r.product);
  add("region", r.region);
  add("timestamp", r.timestamp);
  add("certID", r.cert_id);
  add("attempt", r.attempt);
  add("claimUntil", r.claim_until);
  add("keyHash", r.key_hash);
  add("pendingCert", r.pending_cert);
  add("retiring", r.retiring);
  return row;
}

// Throws json::exception for a column of another type.
DeviceRecord from_row(const json& row) {
  DeviceRecord r;
  r.productid = row.at("productid").get<std::string>();
  r.token_hash = row.at("accessToken").get<std::string>();
  r.product = row.value("product", "");
  r.region = row.value("region", "");
  r.timestamp = row.value("timestamp", std::int64_t{0});
  r.apply_state = row.value("applyState", kNew);
  r.cert_id = row.value("certID", "");
  r.attempt = row.value("attempt", "");
  r.claim_until = row.value("claimUntil", std::int64_t{0});
  r.key_hash = row.value("keyHash", "");
  r.pending_cert = row.value("pendingCert", "");
  r.retiring = row.value("retiring", std::vector<std::string>{});
  return r;
}

aws::result<Rows> read_rows(const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec))
    return ec ? aws::result<Rows>(trouble(path.string() + ": " + ec.message())) : Rows();
  if (const auto size = std::filesystem::file_size(path, ec); ec || size > kMostFile) {
    return trouble(path.string() + ": " + (ec ? ec.message() : "larger than 256 MiB"));
  }
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad() || !in.is_open()) return trouble(path.string() + ": cannot be read");
  try {
    Rows rows;
    const auto root = json::parse(text);
    for (const auto& row : root.at("devices").get_ref<const json::array_t&>()) {
      auto record = from_row(row);
      auto key = record.productid;
      rows.insert_or_assign(std::move(key), std::move(record));
    }
    return rows;
  } catch (const json::exception& e) {
    return trouble(path.string() + ": is no table of devices: " + e.what());
  }
}

aws::Error io_trouble(const std::filesystem::path& path, const char* what) {
  return trouble(path.string() + ": " + what + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A new file beside the old one, synced, renamed over it, and the folder synced: old or new, never half.
aws::result<void> write_rows(const std::filesystem::path& path, const Rows& rows) {
  json all = json::array();
  for (const auto& [key, record] : rows) all.push_back(to_row(record));
  const auto text =
      json{{"devices", std::move(all)}}.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  auto beside = path;
  beside += ".new";
  {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return io_trouble(beside, "open");
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto n = ::write(file.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return io_trouble(beside, "write");
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(file.get()) != 0) return io_trouble(beside, "fsync");
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return io_trouble(path, "rename");
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return io_trouble(folder, "fsync");
  return {};
}

bool same_redemption(const DeviceRecord& a, const DeviceRecord& b) {
  return a.token_hash == b.token_hash && a.apply_state == b.apply_state && a.attempt == b.attempt &&
         a.cert_id == b.cert_id && a.pending_cert == b.pending_cert;
}

class LocalDeviceTable final : public DeviceTable {
 public:
  // An empty path: memory alone.
  LocalDeviceTable(std::filesystem::path path, Rows rows) : path_(std::move(path)), rows_(std::move(rows)) {}

  aws::result<std::optional<DeviceRecord>> find(std::string_view productid) override {
    const std::scoped_lock lock(mutex_);
    const auto it = rows_.find(productid);
    if (it == rows_.end()) return std::optional<DeviceRecord>();
    return std::optional(it->second);
  }

  aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
    const std::scoped_lock lock(mutex_);
    const auto it = rows_.find(seen.productid);
    if (it == rows_.end()) return false;
    auto written = next;
    written.token_hash = it->second.token_hash;
    written.product = it->second.product;
    if (it->second == written) return true;
    if (!same_redemption(it->second, seen)) return false;
    if (const auto done = write(std::move(written)); !done) return done.error();
    return true;
  }

  aws::result<void> put(const DeviceRecord& record) override {
    const std::scoped_lock lock(mutex_);
    return write(record);
  }

 private:
  // What could not be written to disk is not in memory either.
  aws::result<void> write(DeviceRecord record) {
    const auto key = record.productid;
    const auto it = rows_.find(key);
    std::optional<DeviceRecord> before;
    if (it != rows_.end()) before = it->second;
    rows_.insert_or_assign(key, std::move(record));
    if (path_.empty()) return {};
    auto done = write_rows(path_, rows_);
    if (done) return done;
    if (before) {
      rows_.insert_or_assign(key, std::move(*before));
    } else {
      rows_.erase(key);
    }
    return done;
  }

  const std::filesystem::path path_;
  std::mutex mutex_;
  Rows rows_;
};

}  // namespace

std::unique_ptr<DeviceTable> make_memory_device_table() {
  return std::make_unique<LocalDeviceTable>(std::filesystem::path(), Rows());
}

aws::result<std::unique_ptr<DeviceTable>> open_device_table_file(const std::filesystem::path& path) {
  auto rows = read_rows(path);
  if (!rows) return rows.error();
  return std::make_unique<LocalDeviceTable>(path, std::move(*rows));
}

}  // namespace sluice::lambda
