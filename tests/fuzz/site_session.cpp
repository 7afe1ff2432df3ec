// Any bytes from a site's broker into the adapter's session: it ends, or goes on; what it owes stays bounded.
#include "plugins/mqtt/site_session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  if (size < 1) return 0;
  site::SessionOptions options;
  options.version = (data[0] & 1) != 0 ? mqtt::Version::v5 : mqtt::Version::v311;
  options.client_id = "fuzz";
  options.filters = {"a/#", "b/+"};
  options.most_packet = 4096;
  std::vector<std::uint64_t> tickets;
  bool ended = false;
  site::SiteSession session(options, true,
                            {[](bool) {}, [](const std::string&) {},
                             [&](const site::Arrived& arrived) {
                               if (ended) __builtin_trap();
                               if (arrived.ticket != 0) tickets.push_back(arrived.ticket);
                             },
                             [&](site::SiteSession::End, const std::string& why) {
                               if (ended || why.empty()) __builtin_trap();
                               ended = true;
                             }});
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + (data[0] >> 1) % 64;
  while (!rest.empty()) {
    session.receive(rest.substr(0, piece));
    rest.remove_prefix(std::min(piece, rest.size()));
    (void)session.publish("c", "1", 1, false, [](const site::Taken&) {});
  }
  for (auto it = tickets.rbegin(); it != tickets.rend(); ++it) session.acknowledge(*it);
  if (!ended && session.unacknowledged() != 0) __builtin_trap();
  session.abandon();
  return 0;
}
