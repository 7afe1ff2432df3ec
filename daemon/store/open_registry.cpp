// registry.db: a small key-value file, FULL, on a thread of its own worker.
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "store/damage.hpp"
#include "store/directory.hpp"
#include "store/migrations.hpp"
#include "store/registry.hpp"
#include "store/registry_file.hpp"
#include "store/worker.hpp"

namespace sluice::store {
namespace {

class FileRegistry final : public Registry {
 public:
  FileRegistry(boost::asio::io_context& loop, std::unique_ptr<RegistryFile> file, int lock)
      : loop_(loop), file_(std::move(file)), lock_(lock), worker_(loop) {}
  ~FileRegistry() override {
    close();
    release(lock_);
  }

  result<void> scan(Space space, const std::function<void(std::string_view, std::string_view)>& fn) override {
    if (closed_) return Error{errc::closed, "the registry is closed"};
    result<void> answer;
    worker_.call([&] { answer = file_->scan(space, fn); });
    return answer;
  }

  void put(Space space, std::string_view key, std::string_view value,
           std::function<void(result<void>)> done) override {
    write(space, key, std::string(value), std::move(done));
  }
  void erase(Space space, std::string_view key, std::function<void(result<void>)> done) override {
    write(space, key, std::nullopt, std::move(done));
  }

  void close() override {
    if (closed_) return;
    closed_ = true;
    worker_.wait_idle();
    worker_.call([this] { file_->close(); });
  }

 private:
  void write(Space space, std::string_view key, std::optional<std::string> value,
             std::function<void(result<void>)> done) {
    if (closed_) {
      boost::asio::post(loop_, [done = std::move(done)] {
        if (done) done(Error{errc::closed, "the registry is closed"});
      });
      return;
    }
    worker_.commit([this, space, at = std::string(key), value = std::move(value),
                    done = std::move(done)]() -> Worker::Reply {
      auto answer = value ? file_->put(space, at, *value) : file_->erase(space, at);
      return [done, answer] {
        if (done) done(answer);
      };
    });
  }

  boost::asio::io_context& loop_;
  std::unique_ptr<RegistryFile> file_;
  int lock_;
  bool closed_ = false;
  Worker worker_;
};

}  // namespace

result<RegistryOpening> open_registry(const StoreOptions& options, boost::asio::io_context& loop, Log log) {
  auto lock = claim(options.directory, "registry.lock");
  if (!lock) return lock.error();
  const auto clock = make_system_clock(loop);  // only for the name of a file set aside
  const auto path = options.directory / "registry.db";
  std::string trouble;
  finish_salvage(path);
  auto file = std::make_unique<RegistryFile>(path, options.vfs);
  auto opened = examine(path, options.vfs);
  if (opened) opened = file->open();
  if (!opened && opened.error().code == errc::corrupt) {
    log.error("{}", opened.error().text);
    file = std::make_unique<RegistryFile>(path, options.vfs);
    auto failpoints = FailPoints::from_environment();
    if (auto tale = salvage_registry(path, *clock, failpoints)) {
      trouble = *tale;
      log.error("{}", trouble);
      opened = file->open();
    } else {
      opened = tale.error();
    }
  }
  if (!opened) {
    release(*lock);
    return opened.error();
  }
  return RegistryOpening{std::make_unique<FileRegistry>(loop, std::move(file), *lock), trouble};
}

}  // namespace sluice::store
