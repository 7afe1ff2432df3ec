#include <boost/asio/io_context.hpp>

#include "store/damage.hpp"
#include "store/directory.hpp"
#include "store/queue_store.hpp"

namespace sluice::store {
namespace {

std::unique_ptr<QueueFile> make_file(const StoreOptions& options) {
  return std::make_unique<QueueFile>(
      WriterOptions{options.directory / "queue.db",
                    {options.max_bytes, options.when_full == WhenFull::drop_oldest, options.max_dead_letters},
                    options.reserve_bytes,
                    options.vfs},
      FailPoints::from_environment());
}

// Opens the file if nothing is wrong with it; corrupt otherwise.
result<Remembered> open_sound(QueueFile& file, const std::filesystem::path& path, const std::string& vfs) {
  if (auto sound = examine(path, vfs); !sound) return sound.error();
  auto remembered = file.writer.open(read_boot_id());
  if (remembered && !remembered->accounts.balanced()) {
    return Error{errc::corrupt, path.string() + " is damaged: its totals contradict each other"};
  }
  return remembered;
}

}  // namespace

result<Opening> open_store(const StoreOptions& options, boost::asio::io_context& loop, Clock& clock,
                           Log log) {
  auto lock = claim(options.directory, "queue.lock");
  if (!lock) return lock.error();
  auto file = make_file(options);
  const auto path = options.directory / "queue.db";
  std::string trouble;
  finish_salvage(path);
  auto remembered = open_sound(*file, path, options.vfs);
  if (!remembered && remembered.error().code == errc::corrupt) {
    log.error("{}", remembered.error().text);
    file = make_file(options);
    auto tale = salvage_queue(path, clock, file->failpoints);
    if (tale) {
      trouble = *tale;
      log.error("{}", trouble);
      remembered = file->writer.open(read_boot_id());
    } else {
      remembered = tale.error();
    }
  }
  if (!remembered) {
    release(*lock);
    auto error = remembered.error();
    if (error.code == errc::io) error.text += "; " + ownership(options.directory);
    return error;
  }
  file->lock = *lock;
  return Opening{
      std::make_unique<QueueStore>(options, std::move(file), std::move(*remembered), loop, clock, log),
      trouble};
}

}  // namespace sluice::store
