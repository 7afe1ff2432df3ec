#include <boost/asio/io_context.hpp>

#include "store/directory.hpp"
#include "store/queue_store.hpp"

namespace sluice::store {

result<Opening> open_store(const StoreOptions& options, boost::asio::io_context& loop, Clock& clock,
                           Log log) {
  auto lock = claim(options.directory, "queue.lock");
  if (!lock) return lock.error();
  auto file = std::make_unique<QueueFile>(
      WriterOptions{options.directory / "queue.db",
                    {options.max_bytes, options.when_full == WhenFull::drop_oldest, options.max_dead_letters},
                    options.reserve_bytes,
                    options.vfs},
      clock, FailPoints::from_environment());
  auto remembered = file->writer.open(read_boot_id());
  if (!remembered) {
    release(*lock);
    return remembered.error();
  }
  file->lock = *lock;
  return Opening{
      std::make_unique<QueueStore>(options, std::move(file), std::move(*remembered), loop, clock, log), ""};
}

}  // namespace sluice::store
