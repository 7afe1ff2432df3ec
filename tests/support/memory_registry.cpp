#include "tests/support/memory_registry.hpp"

#include <boost/asio/post.hpp>

namespace sluice::test {

result<void> MemoryRegistry::scan(store::Space space,
                                  const std::function<void(std::string_view, std::string_view)>& fn) {
  for (const auto& [key, value] : rows) {
    if (key.first == space) fn(key.second, value);
  }
  return {};
}

void MemoryRegistry::write(const std::function<void()>& change, std::function<void(result<void>)> done) {
  boost::asio::post(loop_, [this, change, done = std::move(done)] {
    if (dead()) return;
    if (broken) return done(Error{errc::io, "the registry is broken"});
    ++writes;
    if (dead() && dies_before) return;
    change();
    if (!dead()) done({});
  });
}

void MemoryRegistry::put(store::Space space, std::string_view key, std::string_view value,
                         std::function<void(result<void>)> done) {
  write([this, space, key = std::string(key), value = std::string(value)] { rows[{space, key}] = value; },
        std::move(done));
}

void MemoryRegistry::erase(store::Space space, std::string_view key, std::function<void(result<void>)> done) {
  write([this, space, key = std::string(key)] { rows.erase({space, key}); }, std::move(done));
}

}  // namespace sluice::test
