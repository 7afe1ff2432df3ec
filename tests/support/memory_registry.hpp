// A Registry without a disk: keeps its rows; a write is reported on the next turn of the loop. For the tests
// of rooms that keep state in the registry.
#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <utility>

#include "store/registry.hpp"

namespace sluice::test {

class MemoryRegistry final : public store::Registry {
 public:
  using Rows = std::map<std::pair<store::Space, std::string>, std::string>;

  explicit MemoryRegistry(boost::asio::io_context& loop) : loop_(loop) {}
  result<void> scan(store::Space space,
                    const std::function<void(std::string_view, std::string_view)>& fn) override;
  void put(store::Space space, std::string_view key, std::string_view value,
           std::function<void(result<void>)> done) override;
  void erase(store::Space space, std::string_view key, std::function<void(result<void>)> done) override;
  void close() override {}

  Rows rows;
  bool broken = false;  // writes fail
  // The process dies at the n-th write (from 1), after it (or just before it) is on disk: nothing is written
  // or answered any more. 0: it lives.
  int dies_at = 0;
  bool dies_before = false;
  int writes = 0;
  bool dead() const { return dies_at != 0 && writes >= dies_at; }

 private:
  void write(const std::function<void()>& change, std::function<void(result<void>)> done);
  boost::asio::io_context& loop_;
};

}  // namespace sluice::test
