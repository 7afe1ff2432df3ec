// The second file of the store, registry.db: what must survive even if the queue is damaged. Small, rarely
// written: devices and their credentials now, identities and jobs later. Loop thread only; writes are done on
// the store thread with synchronous=FULL and reported back on the loop.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "store/store.hpp"

namespace sluice::store {

class Registry {
 public:
  virtual ~Registry() = default;
  // Blocks; for start-up.
  virtual result<void> scan(Space space,
                            const std::function<void(std::string_view key, std::string_view value)>& fn) = 0;
  virtual void put(Space space, std::string_view key, std::string_view value,
                   std::function<void(result<void>)> done) = 0;
  virtual void erase(Space space, std::string_view key, std::function<void(result<void>)> done) = 0;
  virtual void close() = 0;
};

struct RegistryOpening {
  std::unique_ptr<Registry> registry;
  std::string trouble;  // as in Opening
};

result<RegistryOpening> open_registry(const StoreOptions& options, boost::asio::io_context& loop, Log log);

}  // namespace sluice::store
